using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>The tokens that one run brings to a routed layer, and the experts they want.</summary>
/// <param name="Rows">[T, D]</param>
/// <param name="Indices">[T, K], -1 for none.</param>
/// <param name="Weights">[T, K]</param>
/// <param name="Home">The device they come from.</param>
/// <param name="TurnOf">Which of its home's requests a token belongs to.</param>
/// <param name="IsNew">Whether a token is computed for the first time.</param>
internal sealed record RoutedTokens(OrtValue Rows, OrtValue Indices, OrtValue Weights, int Home, Func<int, long> TurnOf, Func<int, bool> IsNew)
{
    /// <summary>T.</summary>
    public int Count { get; } = (int)Rows.GetTensorTypeAndShape().Shape[0];

    /// <summary>D.</summary>
    public int Width { get; } = (int)Rows.GetTensorTypeAndShape().Shape[1];

    /// <summary>K.</summary>
    public int Picks { get; } = (int)Indices.GetTensorTypeAndShape().Shape[1];

    /// <summary>Throws when an expert is named that the layer does not have.</summary>
    public void Check(ExpertCall call, int experts)
    {
        foreach (var index in Indices.GetTensorDataAsSpan<long>())
        {
            if (index < -1 || index >= experts)
                throw new InvalidOperationException($"{call.Node.Name}: an index is {index}, but there are {experts} experts: it must be -1 (none) or 0..{experts - 1}.");
        }
    }
}
