using Onnx;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Exporter.Graph;

/// <summary>A complete ONNX model whose weights and constants have not been fetched yet.</summary>
/// <param name="Proto">All but the initializers.</param>
/// <param name="Initializers">In the order of first use.</param>
public sealed record ExportedModel(ModelProto Proto, IReadOnlyList<Initializer> Initializers)
{
    /// <summary>How its weights are stored.</summary>
    public WeightPrecision Precision { get; init; }

    /// <summary>The weights that are stored as codes, by the names that <see cref="Verification.RoundedWeights"/> gives them.</summary>
    public IReadOnlySet<string> Quantized { get; init; } = new HashSet<string>();

    /// <summary>Bytes of the model as one file, with all its tensors and no gaps between them.</summary>
    public long FileSize
    {
        get
        {
            var whole = Proto.Clone();
            whole.Graph.Initializer.AddRange(Initializers.Select(initializer => TensorProtoFile.FromHost(initializer.Load(), initializer.Name)));
            return whole.CalculateSize();
        }
    }
}
