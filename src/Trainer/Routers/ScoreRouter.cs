using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Objectives;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// The router that most systems share: scores, their softmax over all experts, a selection, and a rule that turns the selected
/// probabilities into combine weights. Without a <see cref="Capacity"/> no pick is dropped.
/// </summary>
/// <param name="scope">Of the router's weights.</param>
/// <param name="head">Makes the scores.</param>
/// <param name="selector">Selects by the probabilities.</param>
/// <param name="rule">Makes the combine weights.</param>
/// <param name="losses">Added to the objective while training; they see the picks before any is dropped.</param>
/// <param name="experts">E, the stored experts.</param>
/// <param name="expertsPerToken">K, the most experts that a token activates.</param>
public sealed class ScoreRouter(LayerScope scope, ScoreHead head, Selector selector, WeightRule rule, IReadOnlyList<RouterLoss> losses,
    int experts, int expertsPerToken) : Router(scope, experts, expertsPerToken)
{
    /// <summary>The kinds of the N experts scored; all are stored ones unless said otherwise.</summary>
    public ExpertKinds Kinds { get; init; } = ExpertKinds.Ffn(experts);

    /// <summary>How many picks an expert takes from a training batch; null: any number.</summary>
    public CapacityRule? Capacity { get; init; }

    /// <summary>Averages the probabilities over related tokens before the selection; null: each token by itself.</summary>
    public ScoreMixer? Mixer { get; init; }

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) => [.. head.CostOfToken(context), .. Mixer?.CostOfToken(context) ?? []];

    public override Routing Route(Value x, ForwardContext context)
    {
        var logits = head.Score(x, context); // [T, N]
        var probabilities = logits.Softmax();
        probabilities = Mixer?.Mix(x, probabilities, context) ?? probabilities;
        var (picks, selected) = selector.Select(probabilities, context); // [T, K]
        var weights = rule.Weigh(picks, selected, Kinds);
        if (context.Ops.IsTraining)
        {
            foreach (var loss in losses)
                loss.AddTo(context, new RouterDecision(logits, probabilities, picks));
            picks = Capacity?.Keep(picks, selected) ?? picks;
        }
        var routing = new Routing(Kinds.StoredIndices(picks), weights) { Probabilities = probabilities };
        return Kinds.AllStored ? routing
            : routing with { Weights = routing.Indices.GreaterOrEqual(picks.Scalar(0)).Where(weights, weights.Scalar(0)), Picks = new RawPicks(picks, weights) };
    }
}
