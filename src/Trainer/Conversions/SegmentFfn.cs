using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>
/// Fine-grained experts out of trained feed-forward layers (Dai et al. 2024, arXiv 2401.06066, section 3.1): each is cut along its hidden axis
/// into m slices whose sum it is. Of a dense layer the first slices become the shared experts and the others the routed ones; of a routed layer
/// every expert is cut, its slices get its router row, and shared experts stay as they are.
/// </summary>
/// <remarks>
/// Routed slices are scaled so that, under a router without preferences, a chosen one counts as much as in the source. So a dense layer
/// is computed as before when all slices are chosen and the router's weights are zero, and a routed one when m times as many are
/// chosen under the same weight rule.
/// </remarks>
public sealed class SegmentFfn : Conversion
{
    public override string Name => "segment";

    public override void Apply(IReadOnlyList<TrainedModel> sources, DecoderLm target, ModelOptions options)
    {
        var source = Single(sources);
        Check(source, options);
        var weights = source.Model.Weights.ToDictionary(weight => weight.Name, weight => (Tensor)weight.Parameter);
        Tensor Given(string name)
        {
            Require(weights.ContainsKey(name), $"needs the weight {name}, which '{source.Manifest.Name}' has not");
            return weights[name];
        }
        using var noGrad = no_grad();
        foreach (var weight in target.Weights)
        {
            using var scope = NewDisposeScope();
            if (Initial(weight.Name, Given, source.Model.Options, options) is not { } initial)
                continue;
            Require(initial.shape.SequenceEqual(weight.Shape),
                $"finds {weight.Name} as [{string.Join(",", initial.shape)}] in '{source.Manifest.Name}', but the recipe has it as [{string.Join(",", weight.Shape)}]");
            weight.Parameter.copy_(initial);
        }
    }

    /// <summary>The initial value of a weight; null keeps the random one, of the router of a dense layer's slices.</summary>
    /// <param name="name">Name of the weight.</param>
    /// <param name="given">Gives the source's weight of a name.</param>
    /// <param name="from">What the source was made from.</param>
    /// <param name="to">What the new model was made from.</param>
    private static Tensor? Initial(string name, Func<string, Tensor> given, ModelOptions from, ModelOptions to)
    {
        if (name.Split('.') is not ["layers", var block, "moe", var kind, .., var part])
            return given(name);
        if (int.Parse(block) < from.FirstDenseLayers)
            return kind is "experts" or "shared" ? OfDense(given($"layers.{block}.ffn.{part}"), kind, part, to) : null;
        return kind == "shared" ? given(name) : OfCoarse(given(name), kind, part, from, to);
    }

    private static Tensor OfDense(Tensor dense, string kind, string part, ModelOptions to)
    {
        var slices = UnionDecompose.Slices(dense, part, to.SharedExperts + to.Experts);
        return kind == "experts" ? slices.narrow(0, to.SharedExperts, to.Experts) * Scale(part, 1 / UniformWeight(to))
            : UnionDecompose.FromSlices(slices.narrow(0, 0, to.SharedExperts), part);
    }

    /// <param name="coarse">[N, ...], or a router's weight, whose last dimension is N.</param>
    private static Tensor OfCoarse(Tensor coarse, string kind, string part, ModelOptions from, ModelOptions to)
    {
        var segments = to.Experts / from.Experts;
        var experts = Enumerable.Range(0, from.Experts);
        return kind == "experts" ? cat([.. experts.Select(e => UnionDecompose.Slices(coarse[e], part, segments))]) * Scale(part, UniformWeight(from) / UniformWeight(to))
            : cat([.. experts.SelectMany(e => Enumerable.Repeat(coarse.narrow(-1, e, 1), segments))], -1);
    }

    /// <summary>The factor of a part, for the layer's output to have it.</summary>
    private static double Scale(string part, double output) => part is "down" or "down_bias" ? output : 1;

    /// <summary>The combine weight of a chosen expert under a router that finds all equally probable.</summary>
    private static double UniformWeight(ModelOptions options)
    {
        var chosen = options.ExpertsPerToken / options.Chain.Iterations;
        return options.Router.WeightRule switch
        {
            "softmax" => 1.0 / options.Experts,
            "sum" => (double)chosen / options.Experts,
            "one" => 1,
            _ => 1.0 / chosen,
        };
    }

    private void Check(TrainedModel source, ModelOptions to)
    {
        var (from, name) = (source.Model.Options, source.Manifest.Name);
        DenseSources.CheckForm(Name, source, to);
        Require(to.ZeroComputation.Kinds(to.Experts).AllStored, "makes stored experts alone, but Model:ZeroComputation adds others; set its counts to 0");
        Require(to.PreGate.Layers == 0, "makes experts that a router of their layer chooses; set Model:PreGate:Layers to 0");
        Require(to.FirstDenseLayers < to.Layers, "makes routed layers, but Model:FirstDenseLayers leaves none");
        Require(to.FirstDenseLayers <= from.FirstDenseLayers, $"cannot make dense layers out of routed ones: Model:FirstDenseLayers is {to.FirstDenseLayers}, and {from.FirstDenseLayers} in '{name}'");
        var slices = to.SharedExperts + to.Experts;
        Require(to.FirstDenseLayers == from.FirstDenseLayers || BlockBuilder.DenseHidden(from) == (long)slices * to.ExpertHidden,
            $"cuts feed-forward layers of hidden size {BlockBuilder.DenseHidden(from)} in '{name}', but Model:SharedExperts + Model:Experts = {slices} slices of Model:ExpertHidden {to.ExpertHidden} are {slices * to.ExpertHidden}; both must be the same");
        if (from.FirstDenseLayers == from.Layers)
            return;
        Require(from.ExpertHidden % to.ExpertHidden == 0 && to.Experts == from.Experts * (from.ExpertHidden / to.ExpertHidden),
            $"cuts the {from.Experts} experts of hidden size {from.ExpertHidden} in '{name}', which {to.Experts} (Model:Experts) of {to.ExpertHidden} (Model:ExpertHidden) do not add up to: m times as many must have an m-th of the size");
        Require(to.SharedExperts * to.ExpertHidden == from.SharedExperts * from.ExpertHidden,
            $"leaves shared experts as they are: of hidden size {from.SharedExperts * from.ExpertHidden} in '{name}', but Model:SharedExperts of Model:ExpertHidden are {to.SharedExperts * to.ExpertHidden}");
        Require(to.Router is { Scores: "linear", GatingResidual: "none" }, "copies router rows, which only Model:Router:Scores 'linear' without a Model:Router:GatingResidual has");
    }

    private void Require(bool holds, string otherwise)
    {
        if (!holds)
            throw new UserError($"Start:Convert '{Name}' {otherwise}.");
    }
}
