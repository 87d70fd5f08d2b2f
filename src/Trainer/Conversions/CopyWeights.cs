using OnnxMoe.Artifacts;
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
        {
            if (!given.TryGetValue(weight.Name, out var from) || !from.Shape.SequenceEqual(weight.Shape))
                throw new UserError($"Start:Convert 'copy' needs a model of the same form, but '{source.Manifest.Name}' has "
                    + (from is null ? $"no weight {weight.Name}" : $"{weight.Name} as [{string.Join(",", from.Shape)}] instead of [{string.Join(",", weight.Shape)}]") + ".");
            weight.Parameter.copy_(from.Parameter);
        }
    }
}
