namespace OnnxMoe.Placement.Simulation;

/// <summary>One run through the events of an <see cref="EventTimeline"/>.</summary>
sealed class TimelineRun
{
    readonly List<(string Name, int Capacity, ResourceOrder Order)> _resources;
    readonly List<(int Resource, double Seconds, int Pieces)> _tasks;
    readonly List<int[]> _after;
    readonly List<int>[] _next;
    readonly int[] _waiting, _unassigned, _held, _running, _free;
    readonly double[] _start, _finish, _busy;

    /// <summary>Tasks of each resource that units may still take: in the order of adding, or those that are ready.</summary>
    readonly Queue<int>[] _given;
    readonly PriorityQueue<int, int>[] _ready;

    /// <summary>Pieces that end together; ties in time go to the event that was made first.</summary>
    readonly PriorityQueue<(int Task, int Pieces), (double Time, int Number)> _events = new();
    int _number;

    public TimelineRun(List<(string Name, int Capacity, ResourceOrder Order)> resources, List<(int Resource, double Seconds, int Pieces)> tasks, List<int[]> after)
    {
        (_resources, _tasks, _after) = (resources, tasks, after);
        _next = [.. tasks.Select(_ => new List<int>())];
        _waiting = [.. after.Select(a => a.Length)];
        _unassigned = [.. tasks.Select(t => t.Pieces)];
        _running = [.. tasks.Select(t => t.Pieces)];
        _held = new int[tasks.Count];
        (_start, _finish, _busy) = (new double[tasks.Count], new double[tasks.Count], new double[resources.Count]);
        Array.Fill(_start, double.NaN);
        _free = [.. resources.Select(r => r.Capacity)];
        (_given, _ready) = ([.. resources.Select(_ => new Queue<int>())], [.. resources.Select(_ => new PriorityQueue<int, int>())]);
        for (var task = 0; task < tasks.Count; task++)
        {
            foreach (var before in after[task])
                _next[before].Add(task);
            if (tasks[task].Resource >= 0 && resources[tasks[task].Resource].Order == ResourceOrder.Given)
                _given[tasks[task].Resource].Enqueue(task);
        }
    }

    public TimelineResult Finish()
    {
        for (var resource = 0; resource < _resources.Count; resource++)
            Assign(resource, 0);
        for (var task = 0; task < _tasks.Count; task++)
        {
            if (_waiting[task] == 0)
                Release(task, 0);
        }
        while (_events.TryDequeue(out var done, out var at))
            End(done.Task, done.Pieces, at.Time);
        return new TimelineResult(_resources, _tasks, _after, _start, _finish, _busy);
    }

    /// <summary>All that the task depends on is finished.</summary>
    void Release(int task, double time)
    {
        var resource = _tasks[task].Resource;
        if (resource < 0)
        {
            StartPieces(task, 1, time);
            return;
        }
        if (_resources[resource].Order == ResourceOrder.Ready)
            _ready[resource].Enqueue(task, task);
        else if (_held[task] > 0)
            StartPieces(task, _held[task], time); // its units wait for it
        Assign(resource, time);
    }

    /// <summary>Free units take tasks.</summary>
    void Assign(int resource, double time)
    {
        var given = _resources[resource].Order == ResourceOrder.Given;
        while (_free[resource] > 0 && (given ? _given[resource].TryPeek(out var task) : _ready[resource].TryPeek(out task, out _)))
        {
            var pieces = Math.Min(_free[resource], _unassigned[task]);
            _free[resource] -= pieces;
            _unassigned[task] -= pieces;
            if (_unassigned[task] == 0)
                _ = given ? _given[resource].Dequeue() : _ready[resource].Dequeue();
            if (_waiting[task] == 0)
                StartPieces(task, pieces, time);
            else
                _held[task] += pieces;
        }
    }

    void StartPieces(int task, int pieces, double time)
    {
        if (double.IsNaN(_start[task]))
            _start[task] = time;
        _events.Enqueue((task, pieces), (time + _tasks[task].Seconds, _number++));
    }

    void End(int task, int pieces, double time)
    {
        var (resource, seconds, _) = _tasks[task];
        if (resource >= 0)
        {
            _busy[resource] += pieces * seconds;
            _free[resource] += pieces;
        }
        _running[task] -= pieces;
        if (_running[task] == 0)
        {
            _finish[task] = time;
            foreach (var next in _next[task])
            {
                if (--_waiting[next] == 0)
                    Release(next, time);
            }
        }
        if (resource >= 0)
            Assign(resource, time);
    }
}
