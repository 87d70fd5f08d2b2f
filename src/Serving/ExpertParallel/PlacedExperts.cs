using Google.Protobuf;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>All routed experts of a model where a plan puts them: a session for each layer and device. Iterations of a layer share theirs.</summary>
internal sealed class PlacedExperts : IDisposable
{
    private readonly Dictionary<ExpertCall, (TokenRoutes Routes, ExpertSession[] Sessions)> _calls = new(ReferenceEqualityComparer.Instance);

    /// <param name="file">The model.</param>
    /// <param name="calls">Where it applies experts.</param>
    /// <param name="plan">A plan for this model and these devices.</param>
    /// <param name="devices">The devices in the plan's order.</param>
    /// <exception cref="Artifacts.UserError">The weights cannot be read.</exception>
    public PlacedExperts(CutFile file, IReadOnlyList<ExpertCall> calls, PlacementPlan plan, IReadOnlyList<Device> devices)
    {
        try
        {
            var shared = new Dictionary<string, ExpertSession[]>();
            foreach (var call in calls)
            {
                var layer = plan.Layers.First(placed => placed.Layer == call.Site.Layer);
                var key = $"{call.Site.Layer} {call.Node.OpType} {string.Join(' ', call.Stacks)} {string.Concat(call.Node.Attribute.Select(attribute => attribute.ToByteString().ToBase64()))}";
                if (!shared.TryGetValue(key, out var sessions))
                    shared[key] = sessions = new ExpertSession[devices.Count];
                _calls[call] = (new TokenRoutes(layer), sessions);
                for (var device = 0; device < devices.Count; device++)
                    sessions[device] ??= new ExpertSession(file, call, [.. layer.Devices[device].Distinct().Order()], devices[device]);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How tokens find the experts of a call.</summary>
    public TokenRoutes RoutesOf(ExpertCall call) => _calls[call].Routes;

    /// <summary>The experts of a call by device.</summary>
    public IReadOnlyList<ExpertSession> SessionsOf(ExpertCall call) => _calls[call].Sessions;

    public void Dispose()
    {
        foreach (var session in _calls.Values.SelectMany(call => call.Sessions).OfType<ExpertSession>().Distinct())
            session.Dispose();
    }
}
