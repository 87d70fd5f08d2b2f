namespace OnnxMoe.Placement.Simulation;

/// <summary>When each task of an <see cref="EventTimeline"/> ran, in seconds from the start.</summary>
public sealed class TimelineResult
{
    readonly List<(string Name, int Capacity, ResourceOrder Order)> _resources;
    readonly List<(int Resource, double Seconds, int Pieces)> _tasks;
    readonly List<int[]> _after;
    readonly double[] _busy;

    internal TimelineResult(
        List<(string Name, int Capacity, ResourceOrder Order)> resources, List<(int Resource, double Seconds, int Pieces)> tasks, List<int[]> after,
        double[] start, double[] finish, double[] busy)
    {
        (_resources, _tasks, _after, _busy) = (resources, tasks, after, busy);
        (Start, Finish) = (start, finish);
        Makespan = finish.DefaultIfEmpty(0).Max();
        CriticalSeconds = LongestChain();
    }

    /// <summary>When the first piece of each task starts.</summary>
    public IReadOnlyList<double> Start { get; }

    /// <summary>When the last piece of each task ends.</summary>
    public IReadOnlyList<double> Finish { get; }

    /// <summary>When everything is done.</summary>
    public double Makespan { get; }

    /// <summary>The longest chain of dependent tasks, each alone on its resource: no order of the tasks is faster.</summary>
    public double CriticalSeconds { get; }

    /// <summary>All pieces one after the other: no order that keeps something running is slower.</summary>
    public double SerialSeconds => _tasks.Sum(task => task.Pieces * task.Seconds);

    /// <summary>How many pieces a resource can run at once.</summary>
    public int Capacity(int resource) => _resources[resource].Capacity;

    /// <summary>Seconds of work on a resource, summed over its units.</summary>
    public double Busy(int resource) => _busy[resource];

    /// <summary>Share of a resource's units that work, from the start to the makespan; 0 when nothing takes any time.</summary>
    public double Utilization(int resource) => Makespan == 0 ? 0 : _busy[resource] / (_resources[resource].Capacity * Makespan);

    /// <summary>Numbers of the tasks that lead to the makespan, each the last to finish of those that the next one waits for.</summary>
    public IReadOnlyList<int> CriticalChain()
    {
        var chain = new List<int>();
        for (var task = Last(Enumerable.Range(0, _tasks.Count)); task >= 0; task = Last(_after[task]))
            chain.Add(task);
        chain.Reverse();
        return chain;
    }

    /// <summary>Seconds in which a task of one resource is under way while a task of another one is.</summary>
    public double Overlap(int resource, int other)
    {
        var (a, b) = (Spans(resource), Spans(other));
        var (i, j, seconds) = (0, 0, 0.0);
        while (i < a.Count && j < b.Count)
        {
            seconds += Math.Max(0, Math.Min(a[i].End, b[j].End) - Math.Max(a[i].Start, b[j].Start));
            _ = a[i].End < b[j].End ? i++ : j++;
        }
        return seconds;
    }

    /// <summary>When some task of a resource is under way, as spans that do not touch.</summary>
    List<(double Start, double End)> Spans(int resource)
    {
        var spans = new List<(double Start, double End)>();
        foreach (var task in Enumerable.Range(0, _tasks.Count).Where(task => _tasks[task].Resource == resource).OrderBy(task => Start[task]))
        {
            if (spans.Count > 0 && Start[task] <= spans[^1].End)
                spans[^1] = (spans[^1].Start, Math.Max(spans[^1].End, Finish[task]));
            else
                spans.Add((Start[task], Finish[task]));
        }
        return spans;
    }

    int Last(IEnumerable<int> tasks) => tasks.Select(task => (int?)task).MaxBy(task => (Finish[task!.Value], -task.Value)) ?? -1;

    double LongestChain()
    {
        var until = new double[_tasks.Count];
        for (var task = 0; task < until.Length; task++)
        {
            var (resource, seconds, pieces) = _tasks[task];
            var capacity = resource < 0 ? 1 : _resources[resource].Capacity;
            until[task] = _after[task].Select(before => until[before]).DefaultIfEmpty(0).Max() + ((pieces + capacity - 1) / capacity * seconds);
        }
        return until.DefaultIfEmpty(0).Max();
    }
}
