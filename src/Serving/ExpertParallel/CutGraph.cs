using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Onnx;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>
/// A model on several devices: each holds the routed experts that a plan gives it, and everything else. A run is at home on one device, which
/// computes all but the routed experts for it; between the segments the host takes its tokens to their experts and back. Runs that are
/// given together go through the segments together, so that a device meets the tokens of all of them at once.
/// </summary>
internal sealed class CutGraph : IModelGraph
{
    private readonly CutFile _file;
    private readonly GraphCut _cut;
    private readonly IReadOnlyList<Device> _devices;
    private readonly Dictionary<Device, InferenceSession[]> _segments = []; // devices that are one processor share them
    private readonly string[][] _deadAfter; // values that no later segment reads
    private readonly HashSet<string> _toHost; // what the dispatch reads
    private readonly HashSet<string> _internal; // what segments and experts read
    private readonly ReaderWriterLockSlim _gate = new();
    private readonly Lock _replacing = new();
    private PlacedExperts _experts; // changed under _gate

    /// <param name="file">The model.</param>
    /// <param name="plan">Where its experts go.</param>
    /// <param name="devices">The devices in the plan's order.</param>
    /// <exception cref="UserError">The model does not fit the plan, or a device is not there.</exception>
    public CutGraph(CutFile file, PlacementPlan plan, IReadOnlyList<Device> devices)
    {
        (_file, _cut, _devices) = (file, file.Cut, devices);
        Plan = Checked(plan);
        Traffic = new TrafficCounter(_cut.Calls.Select(call => call.Site.Layer), devices.Count);
        _toHost = [.. _cut.Calls.SelectMany(call => new[] { call.Tokens, call.Indices, call.Weights })];
        _internal = [.. _toHost, .. _cut.Segments.SelectMany(segment => segment.Inputs)];
        _deadAfter = DeadAfter();
        try
        {
            OpenSegments();
            var sessions = _segments[devices[0]];
            (Inputs, OptionalInputs) = (sessions[0].InputMetadata, sessions[0].OverridableInitializerMetadata);
            Outputs = file.Model.Graph.Output.ToDictionary(output => output.Name, output => sessions.First(session => session.OutputMetadata.ContainsKey(output.Name)).OutputMetadata[output.Name]);
            _experts = new PlacedExperts(file, _cut.Calls, plan, devices);
        }
        catch
        {
            DisposeSegments();
            throw;
        }
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, NodeMetadata> Inputs { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, NodeMetadata> OptionalInputs { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, NodeMetadata> Outputs { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Providers => [.. _devices.Select(device => string.Join(" and ", _segments[device].SelectMany(SessionProviders.Of).Distinct().Order()))];

    /// <inheritdoc/>
    public bool RunsTogether => true;

    /// <summary>The model.</summary>
    public CutFile File => _file;

    /// <summary>Where the experts are.</summary>
    public PlacementPlan Plan { get; private set; }

    /// <summary>The devices in the plan's order.</summary>
    public IReadOnlyList<Device> Devices => _devices;

    /// <summary>Tokens sent so far.</summary>
    public TrafficCounter Traffic { get; }

    /// <inheritdoc/>
    public IReadOnlyList<GraphResult> Run(IReadOnlyList<GraphRun> runs)
    {
        _gate.EnterReadLock();
        var states = runs.Select(run => new CutRun(run, _devices.Count)).ToArray();
        try
        {
            for (var segment = 0; segment < _cut.Segments.Count; segment++)
            {
                OnTheirDevices(Live(states), run => RunSegment(segment, run));
                foreach (var call in _cut.Calls.Where(call => call.Segment == segment))
                    ApplyExperts(call, Live(states));
                Array.ForEach(states, run => run.Release(_deadAfter[segment]));
            }
            return [.. states.Select(run => run.Result())];
        }
        finally
        {
            Array.ForEach(states, run => run.Dispose());
            _gate.ExitReadLock();
        }
    }

    /// <summary>
    /// Puts the experts where another plan says. Their new sessions are made while runs go on with the old ones; then the next run takes the new
    /// ones, and the old ones are given up. Both sets are in memory for that time.
    /// </summary>
    /// <exception cref="UserError">The plan does not fit; everything stays as it was.</exception>
    public void Replace(PlacementPlan plan)
    {
        lock (_replacing)
        {
            Checked(plan);
            var next = new PlacedExperts(_file, _cut.Calls, plan, _devices);
            _gate.EnterWriteLock(); // when no run is under way
            try
            {
                (next, _experts, Plan) = (_experts, next, plan);
            }
            finally
            {
                _gate.ExitWriteLock();
            }
            next.Dispose();
        }
    }

    public void Dispose()
    {
        _experts.Dispose();
        DisposeSegments();
        _gate.Dispose();
    }

    private static CutRun[] Live(CutRun[] runs) => Array.FindAll(runs, run => run.Problem is null);

    private static void OnTheirDevices(CutRun[] runs, Action<CutRun> action)
    {
        var homes = runs.GroupBy(run => run.Home).ToArray();
        if (homes.Length > 1)
            Parallel.ForEach(homes, Work);
        else
            Array.ForEach(homes, Work);

        void Work(IEnumerable<CutRun> home)
        {
            foreach (var run in home)
                run.Try(() => action(run));
        }
    }

    private void RunSegment(int number, CutRun run)
    {
        var device = _devices[run.Home];
        var (session, segment) = (_segments[device][number], _cut.Segments[number]);
        using var options = new RunOptions();
        using var binding = session.CreateIoBinding();
        foreach (var name in session.InputMetadata.Keys.Concat(session.OverridableInitializerMetadata.Keys))
        {
            if (run.Find(name) is { } value)
                binding.BindInput(name, value);
        }
        var outputs = new List<string>();
        foreach (var name in segment.Outputs)
        {
            if (!run.Wants(name, out var stays) && !_internal.Contains(name))
                continue;
            outputs.Add(name);
            binding.BindOutputToDevice(name, _toHost.Contains(name) || (!stays && run.Wants(name, out _)) ? OrtMemoryInfo.DefaultInstance : device.Memory);
        }
        session.RunWithBinding(options, binding);
        foreach (var (name, value) in outputs.Zip(binding.GetOutputValues())) // in the order they were bound
            run.Add(name, value);
    }

    private void ApplyExperts(ExpertCall call, CutRun[] runs)
    {
        foreach (var run in runs)
            run.Try(() => run.TokensOf(call).Check(call, _file.ExpertsOf(call)));
        runs = Live(runs);
        if (runs.Length == 0)
            return;
        var tokens = Array.ConvertAll(runs, run => run.TokensOf(call));
        float[][] results = [];
        Exception? failure = null;
        try
        {
            results = ExpertDispatch.Apply(call, tokens, _experts, Traffic);
        }
        catch (Exception problem)
        {
            failure = problem; // the devices worked for all of these runs at once
        }
        for (var i = 0; i < runs.Length; i++)
        {
            var number = i;
            runs[i].Try(() => runs[number].Add(call.Output, failure is null
                ? OrtValue.CreateTensorValueFromMemory(results[number], [tokens[number].Count, tokens[number].Width])
                : throw new InvalidOperationException($"The experts of layer {call.Site} failed.", failure)));
        }
    }

    /// <summary>The plan, when it is for these devices and this model.</summary>
    private PlacementPlan Checked(PlacementPlan plan)
    {
        if (plan.Devices.Count != _devices.Count)
            throw new UserError($"The plan is for {plan.Devices.Count} devices, but Serve:Devices is {_devices.Count}; plan again for {_devices.Count} GPUs with 'onnxmoe place', or serve with --devices {plan.Devices.Count}.");
        PlacementCheck.Matches(plan, _file.Layers, "The plan");
        return plan;
    }

    private void OpenSegments()
    {
        var infos = new Dictionary<string, ValueInfoProto>();
        var symbols = SegmentModel.Symbols(_file.Model);
        var distinct = _devices.Distinct().ToArray();
        foreach (var device in distinct)
            _segments[device] = new InferenceSession[_cut.Segments.Count];
        for (var s = 0; s < _cut.Segments.Count; s++)
        {
            var bytes = SegmentModel.Of(_file.Model, _cut.Segments[s], s == 0, infos).ToByteArray();
            foreach (var device in distinct)
                _segments[device][s] = SessionFactory.OpenPart(bytes, _file.Path, device, _file.Threads, _file.Kernels);
            foreach (var (name, value) in _segments[distinct[0]][s].InputMetadata.Concat(_segments[distinct[0]][s].OutputMetadata))
                infos.TryAdd(name, SegmentModel.Info(name, value, symbols));
            foreach (var call in _cut.Calls.Where(call => call.Segment == s))
                infos[call.Output] = new(infos[call.Tokens]) { Name = call.Output };
        }
    }

    private string[][] DeadAfter()
    {
        var last = new Dictionary<string, int>();
        for (var s = 0; s < _cut.Segments.Count; s++)
        {
            foreach (var name in _cut.Segments[s].Inputs)
                last[name] = s;
            foreach (var call in _cut.Calls.Where(call => call.Segment == s))
                foreach (var name in (string[])[call.Tokens, call.Indices, call.Weights])
                    last[name] = s;
        }
        return [.. Enumerable.Range(0, _cut.Segments.Count).Select(s => last.Where(value => value.Value == s).Select(value => value.Key).ToArray())];
    }

    private void DisposeSegments()
    {
        foreach (var session in _segments.Values.SelectMany(sessions => sessions))
            session?.Dispose();
    }
}
