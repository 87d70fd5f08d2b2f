using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Plans;

namespace OnnxMoe.Placement.Explanations;

/// <summary>Why an expert is where it is: its load, its company, and what every other GPU would cost.</summary>
public sealed class Explanation
{
    const int CompanionsShown = 3;

    readonly PlacementProblem _problem;
    readonly LayerCosts _costs;
    readonly PlanRules _rules;
    readonly int _index;

    /// <param name="subject">The plan with what it was made from.</param>
    /// <param name="layer">Number of the layer in the model.</param>
    /// <param name="expert">The expert.</param>
    /// <exception cref="UserError">The layer or the expert does not exist.</exception>
    public Explanation(PlanSubject subject, int layer, int expert)
    {
        var (plan, input) = (subject.Plan, subject.Input);
        _index = Enumerable.Range(0, plan.Layers.Count).FirstOrDefault(l => plan.Layers[l].Layer == layer, -1);
        if (_index < 0)
            throw new UserError($"{subject.Path} has no layer {layer}; its routed layers are {string.Join(", ", plan.Layers.Select(l => l.Layer))}.");
        if (expert < 0 || expert >= plan.Layers[_index].Experts)
            throw new UserError($"Layer {layer} of {subject.Path} has no expert {expert}; its experts are 0 to {plan.Layers[_index].Experts - 1}.");
        (Subject, Layer, Expert) = (subject, plan.Layers[_index], expert);
        _problem = input.Problem(input.All);
        _costs = new LayerCosts(_problem, input.Trace, input.All, plan.Layers, _index);
        _rules = new PlanRules(_problem, plan.Layers);
        Homes = Layer.Homes()[expert];
        GpuLoad = DeviceShares.Load(Layer, ExpertLoad);
        Alternatives = [.. Enumerable.Range(0, _problem.Gpus).Except(Homes).SelectMany(At)];
    }

    /// <summary>The plan with what it was made from.</summary>
    public PlanSubject Subject { get; }

    /// <summary>The layer as planned.</summary>
    public PlacedLayer Layer { get; }

    /// <summary>The expert.</summary>
    public int Expert { get; }

    /// <summary>The GPUs of its copies, in order.</summary>
    public IReadOnlyList<int> Homes { get; }

    /// <summary>Choices of each expert of the layer [E].</summary>
    public IReadOnlyList<long> ExpertLoad => _problem.Statistics.Load[_index];

    /// <summary>Choices that each GPU computes in the layer [G].</summary>
    public IReadOnlyList<double> GpuLoad { get; }

    /// <summary>The measures of the layer as planned.</summary>
    public LayerMeasures Now => _costs.Now;

    /// <summary>For each other GPU the move there and the best swap with an expert there, as far as there are any.</summary>
    public IReadOnlyList<Alternative> Alternatives { get; }

    /// <summary>How equally the plan spreads the experts, in words.</summary>
    public string EqualRule => _rules.Words;

    /// <summary>Whether no token reached the layer, so that its experts were taken to be used evenly.</summary>
    public bool IsUnused => _problem.Statistics.EmptyLayers.Contains(Layer.Layer);

    /// <summary>The experts of the choices before that share most tokens with it; none in the first layer and for expert counts.</summary>
    public IReadOnlyList<Companion> Before() => Most(
        (_problem.Statistics.Steps ?? []).Where(step => step.To == _index && step.From != _index)
            .SelectMany(step => Enumerable.Range(0, step.Tokens.GetLength(0)).Select(e => (step.From, e, step.Tokens[e, Expert]))));

    /// <summary>The same of the choices after.</summary>
    public IReadOnlyList<Companion> After() => Most(
        (_problem.Statistics.Steps ?? []).Where(step => step.From == _index && step.To != _index)
            .SelectMany(step => Enumerable.Range(0, step.Tokens.GetLength(1)).Select(e => (step.To, e, step.Tokens[Expert, e]))));

    Companion[] Most(IEnumerable<(int Layer, int Expert, long Tokens)> experts) =>
        [.. experts.Where(e => e.Tokens > 0).OrderByDescending(e => e.Tokens).ThenBy(e => e.Expert).Take(CompanionsShown)
            .Select(e => new Companion(Subject.Plan.Layers[e.Layer].Layer, e.Expert, Subject.Plan.Layers[e.Layer].Homes()[e.Expert], e.Tokens))];

    IEnumerable<Alternative> At(int to)
    {
        var move = Homes.Select(from => new Alternative(from, to, null, _costs.Moved(Expert, from, to), _rules.UsedAfter(_index, to, 1), _rules.AgainstMove(_index, from, to)))
            .MinBy(a => a.Then.CostAgainst(Now))!;
        // Experts of a layer are equally large, so a swap changes neither memory nor numbers.
        var swap = Homes.SelectMany(from => Layer.Devices[to].Where(other => !Layer.Devices[from].Contains(other))
            .Select(other => new Alternative(from, to, other, _costs.Swapped(Expert, from, other, to), _rules.UsedAfter(_index, to, 0), [])))
            .MinBy(a => a.Then.CostAgainst(Now));
        return swap is null ? [move] : [move, swap];
    }
}
