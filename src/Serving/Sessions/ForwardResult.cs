using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.Sessions;

/// <summary>What one step of a language model computed. Its memory is ONNX Runtime's: read it before disposing.</summary>
public sealed class ForwardResult : IDisposable
{
    private readonly OrtValue _logits; // [rows, columns, vocabulary]
    private readonly OrtValue[] _indices; // a MoE layer or iteration each: [rows, columns, K]
    private readonly OrtValue[] _weights;
    private readonly int _columns;
    private readonly int _vocabulary;

    internal ForwardResult(OrtValue logits, OrtValue[] indices, OrtValue[] weights, int columns, int vocabulary) =>
        (_logits, _indices, _weights, _columns, _vocabulary) = (logits, indices, weights, columns, vocabulary);

    /// <summary>The scores of each token id to come after token <paramref name="column"/> of sequence <paramref name="row"/>.</summary>
    public ReadOnlySpan<float> Logits(int row, int column) =>
        _logits.GetTensorDataAsSpan<float>().Slice((row * _columns + column) * _vocabulary, _vocabulary);

    /// <summary>Number of MoE layers whose routing the step reports, each iteration counted.</summary>
    public int RoutedLayers => _indices.Length;

    /// <summary>The experts chosen in the <paramref name="layer"/>-th MoE layer: [rows * columns, K], -1 for none.</summary>
    public ReadOnlySpan<long> ExpertIndices(int layer) => _indices[layer].GetTensorDataAsSpan<long>();

    /// <summary>Their weights, of the same shape; only after a step that asked for them.</summary>
    public ReadOnlySpan<float> ExpertWeights(int layer) => _weights[layer].GetTensorDataAsSpan<float>();

    public void Dispose()
    {
        _logits.Dispose();
        foreach (var value in _indices)
            value.Dispose();
        foreach (var value in _weights)
            value.Dispose();
    }
}
