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

    public static IReadOnlyList<(string Name, Action<ModelOptions> Change)> All { get; } =
    [
        ("plain top-k", _ => { }),
        ("deepseekmoe", o => (o.Experts, o.ExpertsPerToken, o.ExpertHidden, o.SharedExperts, o.Router.WeightRule) = (31, 7, 128, 1, "softmax")),
    ];
}
