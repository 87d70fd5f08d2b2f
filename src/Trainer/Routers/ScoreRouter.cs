using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Objectives;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// The router that most systems share: scores, their softmax over all experts, a selection, and a rule that turns the selected
/// probabilities into combine weights. There is no capacity limit, so no token is dropped.
/// </summary>
/// <param name="scope">Of the router's weights.</param>
/// <param name="head">Makes the scores.</param>
/// <param name="selector">Selects by the probabilities.</param>
/// <param name="rule">Makes the combine weights.</param>
/// <param name="losses">Added to the objective while training.</param>
/// <param name="experts">E.</param>
/// <param name="expertsPerToken">K, the most experts that a token activates.</param>
public sealed class ScoreRouter(LayerScope scope, ScoreHead head, Selector selector, WeightRule rule, IReadOnlyList<RouterLoss> losses,
    int experts, int expertsPerToken) : Router(scope, experts, expertsPerToken)
{
    /// <summary>Averages the probabilities over related tokens before the selection; null: each token by itself.</summary>
    public ScoreMixer? Mixer { get; init; }

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => [.. head.CostOfToken(context), .. Mixer?.CostOfToken(context) ?? []];

    public override Routing Route(Value x, ForwardContext context)
    {
        var logits = head.Score(x, context); // [T, N]
        var probabilities = logits.Softmax();
        probabilities = Mixer?.Mix(x, probabilities, context) ?? probabilities;
        var (picks, weights) = selector.Select(probabilities, context); // [T, K]
        if (context.Ops.IsTraining)
        {
            foreach (var loss in losses)
                loss.AddTo(context, new RouterDecision(logits, probabilities, picks));
        }
        if (rule == WeightRule.Renormalized)
            weights = weights / weights.ReduceSum([-1]);
        return new Routing(picks, weights) { Probabilities = probabilities };
    }
}
