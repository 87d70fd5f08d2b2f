using System.Diagnostics;
using OnnxMoe.Placement.Programs;

namespace OnnxMoe.Placement.Search;

/// <summary>
/// Large-neighbourhood search over all layers at once for a weighted objective: experts of a layer change places, or move while
/// others in another layer move back so that memory stays equal, accepted when no worse than some steps ago (late acceptance:
/// Burke and Bykov 2017, which needs no temperatures); then every exchange in every layer is tried until none helps.
/// </summary>
public sealed class PlanSearch
{
    const int History = 500;

    readonly PlacementProblem _problem;
    readonly PlanState _state;
    readonly Func<PlanTerms, double> _value;
    readonly MovedBytes? _moved;
    readonly MemoryRule _memory;
    readonly int[] _units;
    readonly long[] _sums;
    readonly long _slack;
    readonly int[] _layers;

    /// <param name="problem">What is placed where.</param>
    /// <param name="state">The plan to improve.</param>
    /// <param name="value">The objective, linear in the terms.</param>
    /// <param name="moved">Limit on what may be moved away from a running plan; null: none.</param>
    public PlanSearch(PlacementProblem problem, PlanState state, Func<PlanTerms, double> value, MovedBytes? moved = null)
    {
        (_problem, _state, _value, _moved, _memory, _units) = (problem, state, value, moved, problem.Memory, problem.Sizes.ExpertUnits);
        _sums = new long[problem.Gpus];
        for (var l = 0; l < problem.Layers; l++)
        {
            for (var g = 0; g < problem.Gpus; g++)
                _sums[g] += state.Sizes[l][g] * _units[l];
        }
        _slack = _memory.Slack(_sums);
        _layers = [.. Enumerable.Range(0, problem.Layers).Where(l => problem.Statistics.Layers[l].Experts > 1)];
    }

    /// <summary>Improves the state; the same seed and steps give the same plan unless the time limit comes first.</summary>
    /// <param name="seed">Of the random moves.</param>
    /// <param name="steps">Most moves to try.</param>
    /// <param name="limit">When to stop anyway.</param>
    /// <param name="cancellation">Stops the work.</param>
    /// <param name="progress">Told the objective now and then: step and value.</param>
    public void Run(int seed, long steps, TimeSpan limit, CancellationToken cancellation, Action<double, double>? progress = null)
    {
        if (_problem.Gpus < 2 || _layers.Length == 0)
            return;
        var (watch, random, current) = (Stopwatch.StartNew(), new Random(seed), _value(_state.Terms()));
        var history = Enumerable.Repeat(current, History).ToArray();
        var next = TimeSpan.FromMilliseconds(5); // ever farther apart: most happens in the beginning
        progress?.Invoke(0, current);
        for (var step = 0L; step < steps; step++)
        {
            if (step % 256 == 0)
            {
                cancellation.ThrowIfCancellationRequested();
                if (watch.Elapsed > limit * 0.8)
                    break;
                if (watch.Elapsed >= next)
                {
                    progress?.Invoke(watch.Elapsed.TotalSeconds, current);
                    next = watch.Elapsed * 1.2;
                }
            }
            var threshold = Math.Max(current, history[step % History]);
            if (random.Next(4) > 0 ? TrySwap(random, threshold - current) : TryMove(random, threshold - current))
                current += _change;
            history[step % History] = Math.Min(history[step % History], current);
        }
        Descend(watch, limit, cancellation);
        progress?.Invoke(watch.Elapsed.TotalSeconds, _value(_state.Terms()));
    }

    /// <summary>Change of the objective by the last accepted move.</summary>
    double _change;

    bool TrySwap(Random random, double allowed)
    {
        var layer = _layers[random.Next(_layers.Length)];
        return TrySwap(layer, random.Next(_state.GpuOf[layer].Count), random.Next(_state.GpuOf[layer].Count), allowed);
    }

    /// <summary>Two experts change places if the objective then rises by at most <paramref name="allowed"/>.</summary>
    bool TrySwap(int layer, int first, int second, double allowed)
    {
        var (a, b) = (_state.GpuOf[layer][first], _state.GpuOf[layer][second]);
        if (a == b)
            return false;
        return Try(allowed, [(layer, first, b), (layer, second, a)]);
    }

    /// <summary>An expert goes to another GPU; where memory must stay equal, one of another layer comes back.</summary>
    bool TryMove(Random random, double allowed)
    {
        var layer = _layers[random.Next(_layers.Length)];
        var expert = random.Next(_state.GpuOf[layer].Count);
        var (from, to) = (_state.GpuOf[layer][expert], random.Next(_problem.Gpus));
        if (from == to || _state.Sizes[layer][from] == 1)
            return false;
        if (IsWithinMemory(from, _sums[from] - _units[layer]) && IsWithinMemory(to, _sums[to] + _units[layer]))
            return Try(allowed, [(layer, expert, to)]);
        var back = _layers[random.Next(_layers.Length)];
        if (back == layer || _units[back] != _units[layer] || _state.Sizes[back][to] == 1)
            return false;
        int[] candidates = [.. Enumerable.Range(0, _state.GpuOf[back].Count).Where(e => _state.GpuOf[back][e] == to)];
        return Try(allowed, [(layer, expert, to), (back, candidates[random.Next(candidates.Length)], from)]);
    }

    bool IsWithinMemory(int gpu, long sum) => _memory.Miss(gpu, sum) <= _slack;

    bool Try(double allowed, ReadOnlySpan<(int Layer, int Expert, int Gpu)> moves)
    {
        if (_moved is not null && !_moved.Allows(moves, _state))
            return false;
        var change = 0.0;
        Span<int> before = stackalloc int[moves.Length];
        for (var i = 0; i < moves.Length; i++)
        {
            // Of moves in one layer the measures are compared once.
            if (i == 0 || moves[i].Layer != moves[0].Layer)
                change -= _value(_state.Near(moves[i].Layer));
            before[i] = _state.GpuOf[moves[i].Layer][moves[i].Expert];
            Go(moves[i].Layer, moves[i].Expert, moves[i].Gpu);
            if (i == moves.Length - 1 || moves[i].Layer != moves[i + 1].Layer)
                change += _value(_state.Near(moves[i].Layer));
        }
        if (change <= allowed)
        {
            _change = change;
            return true;
        }
        for (var i = moves.Length - 1; i >= 0; i--)
            Go(moves[i].Layer, moves[i].Expert, before[i]);
        return false;
    }

    void Go(int layer, int expert, int gpu)
    {
        var from = _state.GpuOf[layer][expert];
        _sums[from] -= _units[layer];
        _sums[gpu] += _units[layer];
        _moved?.Move(layer, expert, from, gpu);
        _state.Move(layer, expert, gpu);
    }

    void Descend(Stopwatch watch, TimeSpan limit, CancellationToken cancellation)
    {
        for (var improved = true; improved;)
        {
            improved = false;
            foreach (var layer in _layers)
            {
                for (var first = 0; first < _state.GpuOf[layer].Count; first++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    if (watch.Elapsed > limit)
                        return;
                    for (var second = first + 1; second < _state.GpuOf[layer].Count; second++)
                        improved |= TrySwap(layer, first, second, -1e-9);
                }
            }
        }
    }
}
