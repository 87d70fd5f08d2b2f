using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>
/// Branch-Train-MiX (Sukhbaatar et al. 2024, arXiv 2403.07816): the feed-forward layers of several copies of a dense model, each trained
/// on its own domain, become the experts of one; everything else is their mean, and the routers are random.
/// </summary>
public class BranchTrainMix : Conversion
{
    private static readonly UpcycleRule[] FfnRules =
    [
        new("layers.*.moe.router.*", UpcycleKind.Random),
        new("layers.*.moe.experts.*", UpcycleKind.Copy, "layers.*.ffn.*"),
        new("*", UpcycleKind.Mean),
    ];

    public override string Name => "btx";

    public override void Apply(IReadOnlyList<TrainedModel> sources, DecoderLm target, ModelOptions options)
    {
        DenseSources.Check(Name, sources, options);
        new Upcycler(Name, [.. AttentionRules(options), .. FfnRules]).Apply(sources, target);
    }

    /// <summary>Rules for attention that go before the mean.</summary>
    protected virtual IReadOnlyList<UpcycleRule> AttentionRules(ModelOptions options) => options.AttentionBank.Experts == 0 ? []
        : throw new UserError($"Start:Convert 'btx' takes the mean of the attention layers, but Model:AttentionBank:Experts is {options.AttentionBank.Experts}; set it to 0, or use 'bam', which makes them experts.");
}
