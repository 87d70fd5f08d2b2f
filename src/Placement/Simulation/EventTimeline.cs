namespace OnnxMoe.Placement.Simulation;

/// <summary>
/// Tasks with durations and dependencies on resources with a capacity: which runs when. A task is one or several equal pieces, each of
/// which takes one unit of its resource for the task's duration; it is finished when all its pieces are. Tasks may only depend on tasks
/// that were added before, so there are no cycles. Nothing is random, and equal input gives equal times.
/// </summary>
public sealed class EventTimeline
{
    /// <summary>For a task that needs no resource: a delay, or a barrier of 0 seconds.</summary>
    public const int NoResource = -1;

    readonly List<(string Name, int Capacity, ResourceOrder Order)> _resources = [];
    readonly List<(int Resource, double Seconds, int Pieces)> _tasks = [];
    readonly List<int[]> _after = [];

    /// <summary>How many tasks were added.</summary>
    public int Tasks => _tasks.Count;

    /// <summary>Adds a resource and returns its number.</summary>
    /// <param name="name">For people.</param>
    /// <param name="capacity">How many pieces it can run at once.</param>
    /// <param name="order">In which order it takes its tasks.</param>
    public int AddResource(string name, int capacity = 1, ResourceOrder order = ResourceOrder.Given)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _resources.Add((name, capacity, order));
        return _resources.Count - 1;
    }

    /// <summary>Adds a task and returns its number.</summary>
    /// <param name="resource">Number of its resource, or <see cref="NoResource"/>.</param>
    /// <param name="seconds">How long each piece takes; at least 0.</param>
    /// <param name="after">Numbers of the tasks that must be finished first; one may be named several times.</param>
    /// <param name="pieces">Into how many equal pieces it falls; without a resource there is one.</param>
    public int Add(int resource, double seconds, IEnumerable<int>? after = null, int pieces = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(resource, NoResource);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(resource, _resources.Count);
        ArgumentOutOfRangeException.ThrowIfLessThan(pieces, 1);
        if (!(seconds >= 0) || double.IsInfinity(seconds))
            throw new ArgumentOutOfRangeException(nameof(seconds), seconds, "A duration is a finite number of at least 0.");
        int[] before = after is null ? [] : [.. after.Distinct()];
        if (before.Any(task => task < 0 || task >= _tasks.Count))
            throw new ArgumentOutOfRangeException(nameof(after), "A task may only depend on tasks that were added before it.");
        _tasks.Add((resource, seconds, resource == NoResource ? 1 : pieces));
        _after.Add(before);
        return _tasks.Count - 1;
    }

    /// <summary>Runs all tasks.</summary>
    public TimelineResult Run() => new TimelineRun(_resources, _tasks, _after).Finish();
}
