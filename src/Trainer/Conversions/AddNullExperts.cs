using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>
/// Adds null experts to a trained model (Zeng et al. 2024, arXiv 2406.13233, section 3.3): their router rows are the rows of the true experts, as
/// often as it takes. With as many null experts as true ones, twice the picks and weights made to sum to 1, the result computes what the model did.
/// </summary>
public sealed class AddNullExperts : Conversion
{
    public override string Name => "null-experts";

    public override void Apply(IReadOnlyList<TrainedModel> sources, DecoderLm target, ModelOptions options)
    {
        var source = Single(sources);
        var free = options.ZeroComputation;
        var nulls = free.Zero + free.Copy;
        Require(options.Router is { Scores: "linear", GatingResidual: "none" }, "copies router rows, which only Model:Router:Scores 'linear' without a Model:Router:GatingResidual has");
        Require(free.Constant == 0, $"adds zero or copy experts, but Model:ZeroComputation:Constant is {free.Constant}");
        Require(nulls > 0 && nulls % options.Experts == 0,
            $"copies the router's {options.Experts} rows (Model:Experts) a whole number of times, but Model:ZeroComputation has {nulls} experts; make that a multiple, 1 times or more");
        var given = source.Model.Weights.ToDictionary(weight => weight.Name);
        using var noGrad = no_grad();
        foreach (var weight in target.Weights)
        {
            Require(given.TryGetValue(weight.Name, out var from), $"needs a model of the same form, but '{source.Manifest.Name}' has no weight {weight.Name}");
            Copy(from!, weight, IsRouter(weight, target) ? options.Experts : null);
        }

        void Copy(Weight from, Weight to, int? rows)
        {
            long[] wanted = rows is { } n ? [.. to.Shape[..^1], n] : to.Shape;
            Require(from.Shape.SequenceEqual(wanted),
                $"needs {to.Name} as [{string.Join(",", wanted)}], but '{source.Manifest.Name}' has it as [{string.Join(",", from.Shape)}]");
            to.Parameter.copy_(rows is { } count ? cat([.. Enumerable.Repeat<Tensor>(from.Parameter, (int)(to.Shape[^1] / count))], -1) : from.Parameter);
        }
    }

    /// <summary>True for a linear head's weights, whose last dimension counts experts.</summary>
    private static bool IsRouter(Weight weight, DecoderLm model) => model.RoutedLayers.Any(layer => layer.Router.Weights.Contains(weight));

    private void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError($"Start:Convert '{Name}' {otherwise}.");
    }
}
