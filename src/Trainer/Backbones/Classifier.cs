using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>A model that finds the class of a sequence of feature vectors.</summary>
public abstract class Classifier(LayerScope scope, ClassifierSizes sizes) : Model(scope)
{
    /// <summary>Sizes of the input and the output.</summary>
    public ClassifierSizes Sizes { get; } = sizes;

    public override IReadOnlyList<TensorSpec> Inputs =>
    [
        new("features", ElementType.Float, "batch", "sequence", $"{Sizes.Features}"),
        new("attention_mask", ElementType.Int64, "batch", "sequence"),
    ];

    public override IReadOnlyList<TensorSpec> Outputs =>
        [new("logits", ElementType.Float, "batch", $"{Sizes.Classes}"), .. RoutingOutputs.Specs(RoutedLayers)];

    /// <summary>A tensor for each of <see cref="Inputs"/>, of sequences without padding.</summary>
    public virtual IReadOnlyDictionary<string, HostTensor> InputsOf(LabeledSequences sequences) => new Dictionary<string, HostTensor>
    {
        ["features"] = HostTensor.From(sequences.Features, sequences.Count, sequences.Length, sequences.Width),
        ["attention_mask"] = HostTensor.From(Enumerable.Repeat(1L, sequences.Count * sequences.Length).ToArray(), sequences.Count, sequences.Length),
    };

    /// <param name="features">[B, S, F]</param>
    /// <param name="mask">[B, S] int64, 0 for padding; null: none.</param>
    /// <param name="context">Collects losses and routings.</param>
    /// <returns>Logits [B, classes].</returns>
    public abstract Value Forward(Value features, Value? mask, ForwardContext context);

    public override IReadOnlyDictionary<string, Value> Run(OpSet ops, IReadOnlyDictionary<string, Value> inputs)
    {
        var context = new ForwardContext(ops);
        var mask = inputs["attention_mask"];
        var outputs = new Dictionary<string, Value> { ["logits"] = Forward(inputs["features"], mask, context) };
        RoutingOutputs.Add(outputs, context, mask.Shape());
        return outputs;
    }
}
