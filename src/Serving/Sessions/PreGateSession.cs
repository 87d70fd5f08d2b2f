using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Serving.Sessions;

/// <summary>Runs the router of a pre-gated model step by step, with caches of its own. One step at a time: callers take turns.</summary>
public sealed class PreGateSession : IDisposable
{
    private readonly WholeGraph _graph;
    private readonly PreGate _gate;
    private readonly CacheLayout _caches;

    /// <param name="session">The loaded router; disposed with this.</param>
    /// <param name="gate">What the manifest says of it.</param>
    /// <param name="device">The device the session was opened on.</param>
    /// <exception cref="UserError">The file is no such router.</exception>
    public PreGateSession(InferenceSession session, PreGate gate, Device device)
    {
        (_graph, _gate) = (new WholeGraph(session, device), gate);
        if (!session.InputMetadata.ContainsKey(StepTensors.Ids))
            throw new UserError($"The router {gate.File} has no input '{StepTensors.Ids}'; export it again.");
        if (!session.OutputMetadata.ContainsKey(PreGate.ExpertIds))
            throw new UserError($"The router {gate.File} has no output '{PreGate.ExpertIds}'; export it again.");
        if (session.InputMetadata.Keys.FirstOrDefault(name => !StepTensors.Names.Contains(name) && !CacheInput.Is(name)) is { } unknown)
            throw new UserError($"The router {gate.File} has the input '{unknown}', which serving cannot give it; export it again.");
        _caches = new CacheLayout(_graph, $"The router {gate.File}");
    }

    /// <summary>Number of experts.</summary>
    public int Experts => _gate.Experts;

    /// <summary>A cache of a sequence that has seen no token yet.</summary>
    public KeyValueCache NewCache() => _caches.New(1);

    /// <summary>Decides for the next tokens of a sequence, and advances its cache by them.</summary>
    /// <returns>The expert of each token.</returns>
    public int[] Decide(ReadOnlySpan<long> tokens, KeyValueCache cache)
    {
        using var step = new StepTensors(tokens, cache);
        var inputs = step.InputsOf(_graph);
        _caches.AddInputs(inputs, cache);
        var outputs = _graph.Run([new(inputs, [(PreGate.ExpertIds, false), .. _caches.Outputs])])[0].Values;
        using var ids = outputs[0];
        cache.Advance(outputs[1..], tokens.Length);
        return Array.ConvertAll(ids.GetTensorDataAsSpan<long>().ToArray(), Checked);
    }

    public void Dispose() => _graph.Dispose();

    private int Checked(long expert) => expert >= 0 && expert < Experts
        ? (int)expert
        : throw new InvalidOperationException($"The router {_gate.File} chose the expert {expert}, but there are the experts 0 to {Experts - 1}.");
}
