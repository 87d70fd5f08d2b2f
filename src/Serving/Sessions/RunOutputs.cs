using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.Sessions;

/// <summary>What one run of a language model computed, for as many steps as it served; freed when the last of them lets go.</summary>
/// <param name="logits">[..., vocabulary]</param>
/// <param name="indices">A MoE layer or iteration each: [..., K]</param>
/// <param name="weights">Of the same shapes, or none.</param>
/// <param name="tokens">Tokens of the run.</param>
/// <param name="vocabulary">Its size.</param>
internal sealed class RunOutputs(OrtValue logits, OrtValue[] indices, OrtValue[] weights, int tokens, int vocabulary)
{
    private int _users;

    /// <summary>Tokens of the run.</summary>
    public int Tokens => tokens;

    /// <summary>MoE layers that report their routing, each iteration counted.</summary>
    public int RoutedLayers => indices.Length;

    /// <summary>A row of scores.</summary>
    public ReadOnlySpan<float> Logits(int row) => logits.GetTensorDataAsSpan<float>().Slice(row * vocabulary, vocabulary);

    /// <summary>The experts chosen in a layer.</summary>
    public ReadOnlySpan<long> Indices(int layer) => indices[layer].GetTensorDataAsSpan<long>();

    /// <summary>Their weights.</summary>
    public ReadOnlySpan<float> Weights(int layer) => weights[layer].GetTensorDataAsSpan<float>();

    /// <summary>Counts one more user.</summary>
    public void Share() => _users++;

    /// <summary>A user needs it no more.</summary>
    public void Release()
    {
        if (--_users > 0)
            return;
        logits.Dispose();
        foreach (var value in indices.Concat(weights))
            value.Dispose();
    }
}
