using Google.Protobuf;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>
/// All routed experts of a model where a plan puts them: a session for each layer and device. Iterations of a layer share theirs. Whoever uses it shares
/// it and disposes it; the weights are freed after the last one.
/// </summary>
internal sealed class PlacedExperts : IDisposable
{
    private readonly Dictionary<ExpertCall, Bank> _calls = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<string, Bank> _banks = [];
    private int _users = 1;

    /// <param name="file">The model.</param>
    /// <param name="calls">Where it applies experts.</param>
    /// <param name="plan">A plan for this model and these devices.</param>
    /// <param name="devices">The devices in the plan's order.</param>
    /// <param name="previous">What is there already and may be used again; null for nothing.</param>
    /// <param name="renewed">The device of which nothing may be used again.</param>
    /// <param name="only">The one device whose experts are to be loaded; null loads those of all.</param>
    /// <exception cref="Artifacts.UserError">The weights cannot be read.</exception>
    public PlacedExperts(CutFile file, IReadOnlyList<ExpertCall> calls, PlacementPlan plan, IReadOnlyList<Device> devices, PlacedExperts? previous = null, int? renewed = null, int? only = null)
    {
        Plan = plan;
        try
        {
            foreach (var call in calls)
            {
                var layer = plan.Layers.First(placed => placed.Layer == call.Site.Layer);
                var key = $"{call.Site.Layer} {call.Node.OpType} {string.Join(' ', call.Stacks)} {string.Concat(call.Node.Attribute.Select(attribute => attribute.ToByteString().ToBase64()))}";
                if (!_banks.TryGetValue(key, out var bank))
                    _banks[key] = bank = new(layer);
                _calls[call] = bank;
                var before = previous?._banks.GetValueOrDefault(key);
                for (var device = 0; device < devices.Count; device++)
                {
                    var experts = bank.Experts[device];
                    if (experts.Length > 0 && (only is null || only == device))
                        bank.Sessions[device] ??= before?.Sessions[device] is { } same && device != renewed && same.Experts.SequenceEqual(experts)
                            ? same.Share()
                            : new ExpertSession(file, call, experts, devices[device]);
                }
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Where the experts are.</summary>
    public PlacementPlan Plan { get; }

    /// <summary>How tokens find the experts of a call.</summary>
    public TokenRoutes RoutesOf(ExpertCall call) => _calls[call].Routes;

    /// <summary>The experts of a call by device; null where a device has none.</summary>
    public IReadOnlyList<ExpertSession?> SessionsOf(ExpertCall call) => _calls[call].Sessions;

    /// <summary>The place of an expert among those of its layer on a device.</summary>
    public int PlaceOf(ExpertCall call, int device, int expert) => _calls[call].Places[device][expert];

    /// <summary>How many experts a device holds, those of all layers.</summary>
    public int CountOf(int device) => _banks.Values.Sum(bank => bank.Sessions[device]?.Experts.Count ?? 0);

    /// <summary>Some experts of a device; null when it has none.</summary>
    public ExpertSession? AnyOf(int device) => _banks.Values.Select(bank => bank.Sessions[device]).FirstOrDefault(session => session is not null);

    /// <summary>Gives it one user more.</summary>
    public PlacedExperts Share()
    {
        Interlocked.Increment(ref _users);
        return this;
    }

    public void Dispose()
    {
        if (Interlocked.Decrement(ref _users) > 0)
            return;
        foreach (var session in _banks.Values.SelectMany(bank => bank.Sessions))
            session?.Dispose();
    }

    /// <summary>The experts of a layer.</summary>
    private sealed class Bank
    {
        public Bank(PlacedLayer layer)
        {
            Routes = new TokenRoutes(layer);
            Experts = [.. layer.Devices.Select(experts => experts.Distinct().Order().ToArray())];
            Sessions = new ExpertSession?[Experts.Length];
            Places = Array.ConvertAll(Experts, experts => Enumerable.Range(0, layer.Experts).Select(expert => Array.IndexOf(experts, expert)).ToArray());
        }

        public TokenRoutes Routes { get; }

        /// <summary>[device][place]: numbers of experts.</summary>
        public int[][] Experts { get; }

        /// <summary>[device]</summary>
        public ExpertSession?[] Sessions { get; }

        /// <summary>[device][expert]: the place of an expert; -1 where it is not.</summary>
        public int[][] Places { get; }
    }
}
