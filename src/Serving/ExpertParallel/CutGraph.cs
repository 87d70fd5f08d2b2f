using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Onnx;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Serving.Groups;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>
/// A model on several devices: each holds the routed experts that a plan gives it, and everything else. A run is at home on one device, which
/// computes all but the routed experts for it; between the segments the host takes its tokens to their experts and back. Runs that are
/// given together go through the segments together, so that a device meets the tokens of all of them at once. When a device fails, its experts go to the
/// others, which takes the tokens of the layer there once more, and the runs at home on it fail with <see cref="DeviceFailedException"/>.
/// </summary>
internal sealed class CutGraph : IModelGraph
{
    private readonly CutFile _file;
    private readonly GraphCut _cut;
    private readonly IReadOnlyList<Device> _devices;
    private readonly InferenceSession[]?[] _segments; // by device, those of this process; those that are one processor share them
    private readonly Dictionary<string, ValueInfoProto> _infos = []; // of the values between segments
    private readonly string[][] _deadAfter; // values that no later segment reads
    private readonly HashSet<string> _toHost; // what the dispatch reads
    private readonly HashSet<string> _internal; // what segments and experts read
    private readonly IExpertExchange _exchange;
    private readonly ServerGroup? _ranks; // whose ranks the devices are; null when all are this process's
    private readonly Lock _gate = new();
    private readonly Lock _replacing = new();
    private PlacementPlan _wanted; // for all devices; changed under _replacing
    private PlacedExperts _experts; // changed under _gate

    /// <param name="file">The model.</param>
    /// <param name="plan">Where its experts go.</param>
    /// <param name="devices">The devices in the plan's order.</param>
    /// <param name="limit">How long a device may take for a segment, or for the experts of a layer.</param>
    /// <param name="ranks">The group of processes whose ranks are the devices, this being one of them; null when all are this process's.</param>
    /// <param name="homes">How many of the devices sequences can be at home on, the first ones; null for all.</param>
    /// <exception cref="UserError">The model does not fit the plan, or a device is not there.</exception>
    public CutGraph(CutFile file, PlacementPlan plan, IReadOnlyList<Device> devices, TimeSpan limit, ServerGroup? ranks = null, int? homes = null)
    {
        (_file, _cut, _devices, Homes, _ranks) = (file, file.Cut, devices, homes ?? devices.Count, ranks);
        _wanted = Checked(plan);
        _segments = new InferenceSession[Homes][];
        Group = new DeviceGroup(devices, limit, Homes);
        Traffic = new TrafficCounter(_cut.Calls.Select(call => call.Site.Layer), devices.Count);
        _toHost = [.. _cut.Calls.SelectMany(call => new[] { call.Tokens, call.Indices, call.Weights })];
        _internal = [.. _toHost, .. _cut.Segments.SelectMany(segment => segment.Inputs)];
        _deadAfter = DeadAfter();
        try
        {
            OpenSegments();
            var sessions = _segments.FirstOrDefault(sessions => sessions is not null) ?? [];
            (Inputs, OptionalInputs) = sessions.Length > 0 ? (sessions[0].InputMetadata, sessions[0].OverridableInitializerMetadata) : (Nothing, Nothing);
            Outputs = sessions.Length == 0 ? Nothing : file.Model.Graph.Output.ToDictionary(output => output.Name, output => sessions.First(session => session.OutputMetadata.ContainsKey(output.Name)).OutputMetadata[output.Name]);
            _experts = new PlacedExperts(file, _cut.Calls, plan, devices, only: ranks?.Rank);
            _exchange = ranks is null ? new DeviceExchange(Group) : new GroupExchange(ranks);
        }
        catch
        {
            Group.Stop();
            DisposeSegments();
            throw;
        }
    }

    private static IReadOnlyDictionary<string, NodeMetadata> Nothing { get; } = new Dictionary<string, NodeMetadata>();

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, NodeMetadata> Inputs { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, NodeMetadata> OptionalInputs { get; }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, NodeMetadata> Outputs { get; }

    /// <inheritdoc/>
    public IReadOnlyList<string> Providers => [.. _segments.OfType<InferenceSession[]>().Select(sessions => string.Join(" and ", sessions.SelectMany(SessionProviders.Of).Distinct().Order()))];

    /// <inheritdoc/>
    public bool RunsTogether => true;

    /// <summary>The model.</summary>
    public CutFile File => _file;

    /// <summary>Where the experts are.</summary>
    public PlacementPlan Plan
    {
        get
        {
            lock (_gate)
                return _experts.Plan;
        }
    }

    /// <summary>How many experts of all layers are on a device.</summary>
    public int ExpertsOn(int device) => Current.CountOf(device);

    /// <summary>How many of the devices sequences can be at home on: the first ones.</summary>
    public int Homes { get; }

    /// <summary>The devices in the plan's order.</summary>
    public DeviceGroup Group { get; }

    /// <summary>Tokens sent so far.</summary>
    public TrafficCounter Traffic { get; }

    /// <inheritdoc/>
    public Home HomeOf(long request) => Group.HomeOf(request);

    /// <inheritdoc/>
    public bool Has(Home home) => Group.Has(home);

    /// <inheritdoc/>
    public IReadOnlyList<GraphResult> Run(IReadOnlyList<GraphRun> runs)
    {
        var states = runs.Select(run => new CutRun(run, run.Home ?? Group.HomeOf(run.Request), Homes)).ToArray();
        try
        {
            for (var segment = 0; segment < _cut.Segments.Count; segment++)
            {
                RunSegment(segment, StillThere(states));
                foreach (var call in _cut.Calls.Where(call => call.Segment == segment))
                    ApplyExperts(call, states);
                Array.ForEach(Live(states), run => run.Release(_deadAfter[segment]));
            }
            return [.. states.Select(run => run.Result(Traffic))];
        }
        finally
        {
            Array.ForEach(states, run => run.Dispose());
        }
    }

    /// <summary>
    /// Puts the experts where another plan says, as far as the devices have not failed. Their new sessions are made while runs go on with the old ones; then
    /// the next layer takes the new ones, and the old ones are given up. Both sets are in memory for that time.
    /// </summary>
    /// <exception cref="UserError">The plan does not fit, or no device is left; everything stays as it was.</exception>
    public void Replace(PlacementPlan plan)
    {
        RequireMine();
        lock (_replacing)
        {
            Checked(plan);
            Swap(ExpertsOf(plan));
            _wanted = plan;
        }
    }

    /// <summary>Uses a device again that has failed: opens its sessions anew, tries it, and gives it its experts back.</summary>
    /// <exception cref="UserError">There is no such device, it has not failed, or it still fails.</exception>
    public void Restart(int device)
    {
        RequireMine();
        if (device < 0 || device >= _devices.Count)
            throw new UserError($"There is no device {device}; the devices are 0 to {_devices.Count - 1}.");
        lock (_replacing)
        {
            if (Group.Devices[device].IsUp)
                throw new UserError($"Device {device} has not failed, so there is nothing to restart.");
            Group.Prepare(device);
            PlacedExperts? next = null;
            try
            {
                if (_devices[device].CudaId is not null)
                    Reopen(device);
                next = new PlacedExperts(_file, _cut.Calls, _wanted.Without(Group.Lost.Where(lost => lost != device).ToHashSet()), _devices, Current, renewed: device);
                if (Problem(device, next) is { } problem)
                    throw new UserError($"Device {device} still fails: {problem}");
            }
            catch (Exception problem)
            {
                next?.Dispose();
                Group.Restarted(device, problem.Message);
                throw;
            }
            Group.Restarted(device, null);
            Swap(next);
        }
    }

    public void Dispose()
    {
        // What a device uses that hangs stays in memory until the process ends.
        var ended = Group.Stop();
        _experts.Dispose();
        if (ended)
            DisposeSegments();
    }

    private static CutRun[] Live(CutRun[] runs) => Array.FindAll(runs, run => run.Problem is null);

    /// <summary>Those that go on; runs at home on a device that has failed meanwhile do not.</summary>
    private CutRun[] StillThere(CutRun[] runs)
    {
        foreach (var run in Live(runs))
        {
            if (!Group.Has(run.Home))
                run.Fail(LossOf(run.Home, Task.CompletedTask));
        }
        return Live(runs);
    }

    /// <summary>Why a run is lost that was at home there.</summary>
    /// <param name="home">Where.</param>
    /// <param name="ended">Ends when the device uses its inputs no more.</param>
    private DeviceException LossOf(Home home, Task ended)
    {
        return Group.HasHomes ? new DeviceFailedException(home.Device, Group.Devices[home.Device].Failure ?? "It was restarted.", ended) : new NoDeviceException(ended);
    }

    /// <summary>Runs a segment; those that are at home on different devices run side by side.</summary>
    private void RunSegment(int number, CutRun[] runs)
    {
        var jobs = Array.ConvertAll(runs, run =>
        {
            run.Share();
            return Group.Start(run.Home.Device, options => RunSegment(number, run, options), run.Dispose);
        });
        for (var i = 0; i < runs.Length; i++)
        {
            if (!Group.Finish(runs[i].Home.Device, jobs[i]) || !Group.Has(runs[i].Home))
                runs[i].Fail(LossOf(runs[i].Home, jobs[i].Ended));
            else if (jobs[i].Problem is { } problem)
                runs[i].Fail(IsAtFault(runs[i].Home.Device, problem, jobs[i]) ? LossOf(runs[i].Home, jobs[i].Ended) : problem);
        }
    }

    /// <summary>Whether a device fails at what is known to be right, so that a problem is its own and not that of what it was given; then it has failed.</summary>
    private bool IsAtFault(int device, Exception problem, DeviceJob job)
    {
        using var experts = ShareCurrent();
        if (Problem(device, experts) is null)
            return false;
        _ranks?.Break($"Rank {device} of the group has failed ({problem.GetType().Name}: {problem.Message.TrimEnd('.')})");
        Group.Fail(device, $"{problem.GetType().Name}: {problem.Message}", job);
        return true;
    }

    /// <summary>What is wrong with a device; null when it works.</summary>
    private string? Problem(int device, PlacedExperts experts)
    {
        var used = experts.Share();
        var job = Group.Start(device, options => used.AnyOf(device)?.Try(options), used.Dispose);
        return Group.Finish(device, job) ? job.Problem?.Message : "It does not answer.";
    }

    private void RunSegment(int number, CutRun run, RunOptions options)
    {
        var device = _devices[run.Home.Device];
        var (session, segment) = (_segments[run.Home.Device]![number], _cut.Segments[number]);
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

    /// <summary>Takes tokens to the experts of a layer and back; when a device fails at that, once more, to where its experts have gone.</summary>
    private void ApplyExperts(ExpertCall call, CutRun[] all)
    {
        foreach (var run in Live(all))
            run.Try(() => run.TokensOf(call).Check(call, _file.ExpertsOf(call)));
        while (StillThere(all) is var runs && (runs.Length > 0 || _ranks is not null)) // a rank without tokens works for the others
        {
            var tokens = Array.ConvertAll(runs, run => run.TokensOf(call));
            DispatchedTokens[]? results;
            try
            {
                using var experts = WithoutLost();
                results = ExpertDispatch.Apply(call, _file.WidthOf(call), tokens, experts, _exchange, Traffic);
            }
            catch (GroupBrokenException problem)
            {
                Array.ForEach(runs, run => run.Fail(problem));
                return;
            }
            catch (Exception problem)
            {
                _ranks?.Break($"Rank {_ranks.Rank} of the group has failed ({problem.GetType().Name}: {problem.Message.TrimEnd('.')})"); // the others are in the layer, and would wait
                Array.ForEach(runs, run => run.Fail(new InvalidOperationException($"The experts of layer {call.Site} failed.", problem)));
                return;
            }
            if (results is null)
                continue;
            for (var i = 0; i < runs.Length; i++)
                runs[i].Add(call, tokens[i], results[i]);
            return;
        }
    }

    /// <summary>The experts, of which none is on a device that has failed; the caller's.</summary>
    private PlacedExperts WithoutLost()
    {
        if (_ranks is null && Lacks(Current))
        {
            lock (_replacing)
            {
                if (Lacks(Current))
                    Swap(ExpertsOf(_wanted));
            }
        }
        return ShareCurrent();

        bool Lacks(PlacedExperts experts) => Group.Lost.Any(device => experts.AnyOf(device) is not null);
    }

    private void RequireMine()
    {
        if (_ranks is not null)
            throw new UserError("A group of processes keeps its plan and its devices until it ends; start it again.");
    }

    private PlacedExperts ShareCurrent()
    {
        lock (_gate)
            return _experts.Share();
    }

    private PlacedExperts Current
    {
        get
        {
            lock (_gate)
                return _experts;
        }
    }

    /// <summary>The experts where a plan puts them, as far as its devices have not failed.</summary>
    private PlacedExperts ExpertsOf(PlacementPlan plan)
    {
        var lost = Group.Lost;
        return lost.Count < _devices.Count
            ? new PlacedExperts(_file, _cut.Calls, plan.Without(lost), _devices, Current)
            : throw new UserError("All devices have failed; restart one first.");
    }

    private void Swap(PlacedExperts next)
    {
        PlacedExperts old;
        lock (_gate)
            (old, _experts) = (_experts, next);
        old.Dispose();
    }

    private PlacementPlan Checked(PlacementPlan plan)
    {
        if (plan.Devices.Count != _devices.Count)
            throw new UserError(_ranks is not null
                ? $"The plan is for {plan.Devices.Count} devices, but the group has {_devices.Count} ranks; plan again for {_devices.Count} GPUs with 'onnxmoe place', or start as many ranks with mpirun -np {plan.Devices.Count}."
                : $"The plan is for {plan.Devices.Count} devices, but Serve:Devices is {_devices.Count}; plan again for {_devices.Count} GPUs with 'onnxmoe place', or serve with --devices {plan.Devices.Count}.");
        PlacementCheck.Matches(plan, _file.Layers, "The plan");
        return plan;
    }

    private void OpenSegments()
    {
        var symbols = SegmentModel.Symbols(_file.Model);
        int[] mine = [.. Enumerable.Range(0, Homes).Where(number => _ranks is null || number == _ranks.Rank)];
        foreach (var number in mine)
            _segments[number] = mine.TakeWhile(other => other < number).Where(other => _devices[other] == _devices[number]).Select(other => _segments[other]).FirstOrDefault() ?? new InferenceSession[_cut.Segments.Count];
        if (mine.Length == 0)
            return;
        for (var s = 0; s < _cut.Segments.Count; s++)
        {
            var bytes = SegmentModel.Of(_file.Model, _cut.Segments[s], s == 0, _infos).ToByteArray();
            foreach (var number in mine.DistinctBy(number => _devices[number]))
                _segments[number]![s] = SessionFactory.OpenPart(bytes, _file.Path, _devices[number], _file.Threads, _file.Kernels);
            var opened = _segments[mine[0]]![s];
            foreach (var (name, value) in opened.InputMetadata.Concat(opened.OutputMetadata))
                _infos.TryAdd(name, SegmentModel.Info(name, value, symbols));
            foreach (var call in _cut.Calls.Where(call => call.Segment == s))
                _infos[call.Output] = new(_infos[call.Tokens]) { Name = call.Output };
        }
    }

    /// <summary>Opens the segments of a device that nobody shares once more. The old ones are left alone: nobody knows what state they are in.</summary>
    private void Reopen(int number) => _segments[number] = [.. _cut.Segments.Select((segment, s) =>
        SessionFactory.OpenPart(SegmentModel.Of(_file.Model, segment, s == 0, _infos).ToByteArray(), _file.Path, _devices[number], _file.Threads, _file.Kernels))];

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
        foreach (var session in _segments.OfType<InferenceSession[]>().Distinct().SelectMany(sessions => sessions))
            session?.Dispose();
    }
}
