using System.Collections.Concurrent;
using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Paging;

/// <summary>
/// Runs a <see cref="PagedModel"/>: the steps that are given together share runs (one for each home device, or as many as its attention wants), with their
/// caches on pages. What a token computes does not depend on the tokens beside it, with the native attention bit for bit, else but for rounding.
/// </summary>
internal sealed class PagedSession : CausalModel, IDisposable
{
    private readonly PagedModel _model;
    private readonly PagePool[] _pools; // by device
    private readonly PagedMemory?[] _memories; // by device; null where the graph keeps them
    private readonly Home[] _homes; // by device: since when its pages are
    private readonly Exception?[] _problems; // by device: of a run that hangs there
    private readonly ConcurrentStack<InputTensors> _idle = []; // which no run uses

    /// <param name="graph">The loaded model; the caller keeps and disposes it.</param>
    /// <param name="model">What it is of.</param>
    /// <param name="sizes">What the manifest says of it.</param>
    /// <param name="homes">Devices that sequences are at home on.</param>
    /// <param name="pages">Pages of each of them.</param>
    /// <exception cref="UserError">An input or output of the contract is missing.</exception>
    public PagedSession(IModelGraph graph, PagedModel model, LanguageModelSizes sizes, int homes, int pages)
        : base(graph, sizes, model.IsInput, model.Model.Graph.Output.Select(output => output.Name))
    {
        _model = model;
        _pools = [.. Enumerable.Range(0, homes).Select(_ => new PagePool(pages, model.Attention.PageSize))];
        _memories = [.. Enumerable.Range(0, homes).Select(device => graph.KeepsPages(device) ? null : new PagedMemory(model, pages, graph.DeviceMemory))];
        _homes = [.. Enumerable.Range(0, homes).Select(device => new Home(device, 0))];
        _problems = new Exception?[homes];
    }

    /// <inheritdoc/>
    public override string Engine => _model.Attention.Name;

    /// <inheritdoc/>
    public override bool StepsTogether => true;

    /// <inheritdoc/>
    public override bool TakesPromptsInPieces => true;

    /// <inheritdoc/>
    public override long CacheBytesPerToken => _model.BytesPerToken;

    /// <inheritdoc/>
    public override int MostTokens => Math.Min(Sizes.ContextLength, _pools[0].Pages * _pools[0].PageSize);

    /// <inheritdoc/>
    public override bool HasRoomFor(int sequences) => _pools.Zip(_homes).All(home => home.First.Available >= sequences || !Graph.Has(home.Second));

    /// <summary>The pages of each home.</summary>
    public IReadOnlyList<PagePool> Pools => _pools;

    /// <inheritdoc/>
    public override SequenceCache NewSequence(long request)
    {
        var home = Graph.HomeOf(request);
        if (home != _homes[home.Device])
            Renew(home);
        return new PagedCache(_pools[home.Device], home);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<StepResult> Forward(IReadOnlyList<ModelStep> steps)
    {
        // One run takes one number of active experts, and is at home on one device.
        var groups = steps.Index().GroupBy(step => (((PagedCache)step.Item.Cache).Home, step.Item.ActiveExperts)).SelectMany(_model.Attention.RunsOf).ToArray();
        var results = new StepResult[steps.Count];
        var outcomes = Run([.. groups.Select(group => Array.ConvertAll(group, step => step.Item))]);
        foreach (var (group, outcome) in groups.Zip(outcomes))
        {
            // When one of several makes the run fail, the others do not suffer: a step that is repeated writes the same again.
            var mine = outcome.Problem is not null and not DeviceException && group.Length > 1
                ? [.. group.Select(step => Run([[step.Item]])[0]).Select(alone => Results(alone)[0])]
                : Results(outcome);
            for (var i = 0; i < group.Length; i++)
                results[group[i].Index] = mine[i];
        }
        return results;
    }

    /// <inheritdoc/>
    protected override IEnumerable<(string Name, bool Stays)> RoutingOutputs(bool weights) => !Graph.Outputs.ContainsKey(StackedRouting.Indices) ? base.RoutingOutputs(weights)
        : weights ? [(StackedRouting.Indices, false), (StackedRouting.Weights, false)] : [(StackedRouting.Indices, false)];

    public void Dispose()
    {
        for (var device = 0; device < _memories.Length; device++)
            Free(device);
        foreach (var tensors in _idle)
            tensors.Dispose();
    }

    /// <summary>What was on a device that was started again is lost, and a run that hung may still write to it.</summary>
    private void Renew(Home home)
    {
        var pool = _pools[home.Device];
        Free(home.Device);
        _pools[home.Device] = new PagePool(pool.Pages, pool.PageSize, pool);
        _memories[home.Device] = new PagedMemory(_model, pool.Pages, Graph.DeviceMemory);
        (_homes[home.Device], _problems[home.Device]) = (home, null);
    }

    private void Free(int device) => DeviceException.Afterwards([_problems[device]], () => _memories[device]?.Dispose());

    private (ModelStep[] Steps, RunOutputs? Outputs, Exception? Problem)[] Run(ModelStep[][] groups)
    {
        var packed = Array.ConvertAll(groups, steps => new PackedSteps(steps, _model, Graph, Threshold, _idle.TryPop(out var idle) ? idle : new()));
        IReadOnlyList<GraphResult> results = [];
        try
        {
            results = Graph.Run([.. packed.Select((steps, i) => RunOf(groups[i], steps))]);
        }
        finally
        {
            DeviceException.Afterwards(results.Select(result => result.Problem), () => Array.ForEach(packed, steps => _idle.Push(steps.Inputs)));
        }
        for (var i = 0; i < groups.Length; i++)
        {
            if (HomeOf(groups[i]) is var home && home == _homes[home.Device] && results[i].Problem is DeviceException { Ended.IsCompleted: false } problem)
                _problems[home.Device] = problem;
        }
        return [.. results.Select((result, i) => result.Problem is { } problem
            ? (groups[i], null, problem)
            : (groups[i], (RunOutputs?)Outputs(result.Values[0], result.Values[1..], packed[i].Tokens), (Exception?)null))];
    }

    private GraphRun RunOf(ModelStep[] group, PackedSteps steps)
    {
        var home = HomeOf(group);
        return new(steps.InputsWith(_memories[home.Device]?.Tensors ?? []), [("logits", false), .. RoutingOutputs(group.Any(step => step.RoutingWeights))])
        {
            InPlace = _memories[home.Device]?.Outputs ?? [],
            ReusesInputs = true,
            Home = home,
            TokenRequests = steps.Requests,
            ComputedBefore = steps.ComputedBefore,
        };
    }

    private static Home HomeOf(ModelStep[] group) => ((PagedCache)group[0].Cache).Home;

    private static StepResult[] Results((ModelStep[] Steps, RunOutputs? Outputs, Exception? Problem) run)
    {
        if (run.Problem is not null)
            return [.. run.Steps.Select(_ => new StepResult(null, run.Problem))];
        var results = new List<StepResult>();
        var (token, scores) = (0, 0);
        foreach (var step in run.Steps)
        {
            var rows = PackedSteps.LogitRowsOf(step);
            results.Add(new(new ForwardResult(run.Outputs!, token, step.Tokens.Length, scores, step.Tokens.Length - rows), null));
            ((PagedCache)step.Cache).Advance(step.Tokens);
            token += step.Tokens.Length;
            scores += rows;
        }
        return [.. results];
    }
}
