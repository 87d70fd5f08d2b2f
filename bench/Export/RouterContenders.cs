using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Bench.Export;

/// <summary>What is measured against the plain top-k layer: each differs from it in the way its tokens choose and use experts.</summary>
internal static class RouterContenders
{
    /// <summary>The plain layer: 8 gated experts, the 2 most probable for a token, weights made to sum to 1.</summary>
    public static ModelOptions Plain() => new()
    {
        Layers = 4,
        HiddenSize = 256,
        Heads = 4,
        ContextLength = 256,
        Experts = 8,
        ExpertsPerToken = 2,
        ExpertHidden = 512,
        SharedExperts = 0,
        Router = new() { WeightRule = "renormalized" },
    };

    /// <summary>How many of <see cref="All"/>, from the first, are the plain layer, from the fewest active experts to the most.</summary>
    public const int PlainOnes = 3;

    public static IReadOnlyList<(string Name, Action<ModelOptions> Change)> All { get; } =
    [
        ("plain top-1", o => o.ExpertsPerToken = 1),
        ("plain top-2", _ => { }),
        ("plain top-4", o => o.ExpertsPerToken = 4),
        ("read-me", o =>
        {
            (o.ExpertsPerToken, o.ExpertHidden, o.Router.WeightRule) = (1, 1024, "softmax");
            (o.PreGate.Layers, o.PreGate.PermanentHidden) = (1, [512, 512, 512, 512]);
        }),
        ("deepseekmoe", o => (o.Experts, o.ExpertsPerToken, o.ExpertHidden, o.SharedExperts, o.Router.WeightRule) = (31, 7, 128, 1, "softmax")),
        ("rmoe", o => (o.Router.Scores, o.Router.Recurrent.Width) = ("recurrent", 128)),
        ("coe", o => o.Chain.Iterations = 2),
        ("graph-of-tokens, similarity", o => o.Router.Mixer.Kind = "similarity"),
        ("graph-of-tokens, attention", o => o.Router.Mixer.Kind = "attention"),
        ("adamoe", o => (o.ExpertsPerToken, o.ZeroComputation.Zero, o.Router.NullBucket) = (3, 8, true)),
        ("momentumsmoe", o => o.Residual.Kind = "heavy-ball"),
        ("smoe-dropout", o => (o.Router.Bias, o.Router.Frozen, o.Router.ActiveExperts.Offered) = (true, true, [1, 2, 4, 8])),
        ("moe-plus-plus", o =>
        {
            (o.ZeroComputation.Zero, o.ZeroComputation.Copy, o.ZeroComputation.Constant) = (1, 1, 2);
            (o.Router.GatingResidual, o.Router.WeightRule) = ("normal", "softmax");
        }),
        ("dynamic-moe", o => (o.ExpertsPerToken, o.Router.Selection, o.Router.WeightRule) = (8, "topp", "softmax")),
        ("bam", o => (o.Block, o.AttentionBank.Experts, o.ExpertsPerToken, o.Router.WeightRule) = ("parallel", 4, 1, "softmax")),
        ("bam, shared keys and values", o => (o.Block, o.AttentionBank.Experts, o.AttentionBank.KeyValues, o.ExpertsPerToken, o.Router.WeightRule) = ("parallel", 4, "shared", 1, "softmax")),
        ("uoe", o => (o.HeadRouting.HeadsPerToken, o.Router.WeightRule) = (2, "sum")),
    ];
}
