using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.Sessions;

/// <summary>What one run of a language model computed, for as many steps as it served; freed when the last of them lets go.</summary>
internal sealed class RunOutputs
{
    private readonly OrtValue _logits;
    private readonly int _vocabulary;
    // Copied, for they are small, and to ask ONNX Runtime for each again and again takes longer.
    private readonly ReadOnlyMemory<long>[] _indices;
    private readonly ReadOnlyMemory<float>[] _weights;
    private int _users;

    /// <param name="logits">[..., vocabulary]; disposed with this.</param>
    /// <param name="indices">A MoE layer or iteration each, [..., K], or all of them one after the other; disposed here.</param>
    /// <param name="weights">Of the same shapes, or none; disposed here.</param>
    /// <param name="layers">MoE layers that report their routing, each iteration counted.</param>
    /// <param name="tokens">Tokens of the run.</param>
    /// <param name="vocabulary">Its size.</param>
    public RunOutputs(OrtValue logits, ReadOnlySpan<OrtValue> indices, ReadOnlySpan<OrtValue> weights, int layers, int tokens, int vocabulary)
    {
        (_logits, _vocabulary, RoutedLayers, Tokens) = (logits, vocabulary, layers, tokens);
        (_indices, _weights) = (Take<long>(indices, layers), Take<float>(weights, layers));
    }

    /// <summary>Tokens of the run.</summary>
    public int Tokens { get; }

    /// <summary>MoE layers that report their routing, each iteration counted.</summary>
    public int RoutedLayers { get; }

    /// <summary>A row of scores.</summary>
    public ReadOnlySpan<float> Logits(int row) => _logits.GetTensorDataAsSpan<float>().Slice(row * _vocabulary, _vocabulary);

    /// <summary>The experts chosen in a layer.</summary>
    public ReadOnlySpan<long> Indices(int layer) => _indices[layer].Span;

    /// <summary>Their weights.</summary>
    public ReadOnlySpan<float> Weights(int layer) => _weights[layer].Span;

    /// <summary>Counts one more user.</summary>
    public void Share() => _users++;

    /// <summary>A user needs it no more.</summary>
    public void Release()
    {
        if (--_users == 0)
            _logits.Dispose();
    }

    /// <summary>The layers in the values, of which there is one each or one for all.</summary>
    private static ReadOnlyMemory<T>[] Take<T>(ReadOnlySpan<OrtValue> values, int layers) where T : unmanaged
    {
        var all = new ReadOnlyMemory<T>[values.Length];
        for (var i = 0; i < all.Length; i++)
        {
            all[i] = values[i].GetTensorDataAsSpan<T>().ToArray();
            values[i].Dispose();
        }
        return all is not [var together] ? all : [.. Enumerable.Range(0, layers).Select(layer => together[(together.Length / layers * layer)..(together.Length / layers * (layer + 1))])];
    }
}
