using System.Collections.ObjectModel;
using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.Sessions;

/// <summary>One set of inputs for a graph.</summary>
/// <param name="Inputs">The tensors by name; they stay the caller's.</param>
/// <param name="Outputs">The outputs to compute, and whether each stays on the device or comes to the host.</param>
public sealed record GraphRun(IReadOnlyDictionary<string, OrtValue> Inputs, IReadOnlyList<(string Name, bool Stays)> Outputs)
{
    /// <summary>Further outputs, each with the tensor that it is written to: an input, where the graph changes that. They are no part of the result.</summary>
    public IReadOnlyDictionary<string, OrtValue> InPlace { get; init; } = ReadOnlyDictionary<string, OrtValue>.Empty;

    /// <summary>Whether the next run is likely to have the same tensors as its inputs, with other values, so that it is worth keeping them bound.</summary>
    public bool ReusesInputs { get; init; }

    /// <summary>Number of the request it is for.</summary>
    public long Request { get; init; }

    /// <summary>Where its caches are; null when it has none, so that any device will do.</summary>
    public Home? Home { get; init; }

    /// <summary>The request of each token, when the run serves several that are at home on the same device; null when there is but one.</summary>
    public IReadOnlyList<long>? TokenRequests { get; init; }

    /// <summary>Whether each token was computed before, and is computed again because its cache was lost; null when none was.</summary>
    public IReadOnlyList<bool>? ComputedBefore { get; init; }
}
