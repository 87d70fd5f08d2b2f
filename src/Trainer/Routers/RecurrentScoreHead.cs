using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// The layerwise recurrent router (Qiu et al. 2024, arXiv 2408.06793): a_l = x P_l, h_l = cell(a_l, h_(l-1)), scores = h_l G_l. The cell
/// runs over the depth of the model, so that a layer knows what earlier ones saw of the token; h starts at zero in every forward pass
/// and passes dense layers unchanged.
/// </summary>
/// <param name="projection">P_l [D, p].</param>
/// <param name="cell">The model's one cell.</param>
/// <param name="scores">G_l, from [T, p] to [T, N].</param>
public sealed class RecurrentScoreHead(LayerScope scope, Weight projection, DepthCell cell, LinearScoreHead scores) : ScoreHead(scope)
{
    private const string State = "recurrent.state", Logits = "recurrent.logits";

    /// <summary>False: every layer starts from h = 0 (the paper's control NP).</summary>
    public bool Pass { get; init; } = true;

    /// <summary>Hand h on without its gradient (a control that the paper finds worse than no recurrence).</summary>
    public bool Detach { get; init; }

    /// <summary>How much of the previous layer's scores is added to these; 0: nothing.</summary>
    public double LogitResidual { get; init; }

    public override IEnumerable<TokenCost> CostOfToken(CostContext context) =>
        [new("router", 2.0 * projection.Parameter.numel()), .. cell.CostOfToken(context), .. scores.CostOfToken(context)];

    public override Value Score(Value x, ForwardContext context)
    {
        var input = x.MatMul(projection); // [T, p]
        var state = cell.Next(input, [.. Enumerable.Range(0, cell.States).Select(i => Before(i, input, context))]);
        for (var i = 0; i < state.Length; i++)
            context.Carry.Set($"{State}.{i}", state[i]);
        var logits = scores.Score(state[0], context);
        if (LogitResidual == 0)
            return logits;
        if (context.Carry.Find(Logits) is { } earlier)
            logits += earlier * LogitResidual;
        context.Carry.Set(Logits, logits);
        return logits;
    }

    private Value Before(int i, Value input, ForwardContext context)
    {
        if (Pass && context.Carry.Find($"{State}.{i}") is { } state)
            return Detach ? state.Detach() : state;
        return input.Scalar(0).Expand(input.Shape());
    }
}
