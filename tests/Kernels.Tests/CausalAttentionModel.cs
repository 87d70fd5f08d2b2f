using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Kernels.Tests;

/// <summary>Attention as the exporter writes it in standard ops, without a cache.</summary>
internal sealed class CausalAttentionModel(int heads, int kvHeads) : Model(new LayerScope(1))
{
    public override IReadOnlyList<TensorSpec> Inputs =>
    [
        .. new[] { "query", "key", "value" }.Select(name => new TensorSpec(name, ElementType.Float, "1", "T", name)),
        new("positions", ElementType.Int64, "1", "T"), new("cos", ElementType.Float, "L", "half"), new("sin", ElementType.Float, "L", "half"),
    ];

    public override IReadOnlyList<TensorSpec> Outputs => [new("y", ElementType.Float, "1", "T", "query")];

    public override IReadOnlyDictionary<string, Value> Run(OpSet ops, IReadOnlyDictionary<string, Value> inputs) => new Dictionary<string, Value>
    {
        ["y"] = inputs["query"].CausalAttention(inputs["key"], inputs["value"], null, null, null, inputs["positions"], inputs["cos"], inputs["sin"], heads, kvHeads).Context,
    };

    /// <summary>The serialized model.</summary>
    public byte[] Bytes()
    {
        var exported = ModelExporter.Export(this, ExportTarget.Onnx, WeightPrecision.Fp32, "attention");
        return OneNodeModel.WithConstants(exported.Proto, exported.Initializers.Select(i => (i.Name, i.Load())));
    }
}
