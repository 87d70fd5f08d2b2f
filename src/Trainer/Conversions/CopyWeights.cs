using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>The same model, trained on: every weight is copied.</summary>
public sealed class CopyWeights : Conversion
{
    public override string Name => "copy";

    public override void Apply(IReadOnlyList<TrainedModel> sources, DecoderLm target, ModelOptions options)
    {
        var source = Single(sources);
        var given = source.Model.Weights.ToDictionary(weight => weight.Name);
        using var noGrad = no_grad();
        foreach (var weight in target.Weights)
            weight.Parameter.copy_(Find(source, given, weight.Name, weight.Shape));
    }
}
