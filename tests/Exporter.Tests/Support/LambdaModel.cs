using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Tests.Support;

/// <summary>A model that is one expression.</summary>
internal sealed class LambdaModel(TensorSpec[] inputs, TensorSpec[] outputs, LambdaModel.Body body, LayerScope? scope = null)
    : Model(scope ?? new LayerScope(1))
{
    public delegate Value[] Body(OpSet ops, Value[] inputs);

    public override IReadOnlyList<TensorSpec> Inputs => inputs;

    public override IReadOnlyList<TensorSpec> Outputs => outputs;

    public override IReadOnlyDictionary<string, Value> Run(OpSet ops, IReadOnlyDictionary<string, Value> values) =>
        outputs.Zip(body(ops, [.. inputs.Select(input => values[input.Name])])).ToDictionary(pair => pair.First.Name, pair => pair.Second);
}
