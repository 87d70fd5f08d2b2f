using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>
/// A dense model cut into a union of experts, which is the same function while all are selected (<see cref="UnionDecompose"/>): feed-forward
/// layers into slices, and attention into heads where heads are routed. Routers keep their random weights.
/// </summary>
public sealed class DecomposeIntoUnion : Conversion
{
    public override string Name => "union";

    public override void Apply(IReadOnlyList<TrainedModel> sources, DecoderLm target, ModelOptions options)
    {
        var source = Single(sources);
        Copy(source.Model, target, source.Manifest.Name);
    }

    /// <summary>Sets the weights of a union from those of a dense model of the same kind.</summary>
    /// <param name="source">Dense.</param>
    /// <param name="target">Its blocks have routed experts in place of the dense feed-forward layers, and may have routed heads.</param>
    /// <param name="name">Name of the source, for errors.</param>
    /// <exception cref="UserError">The models do not fit.</exception>
    public static void Copy(Model source, Model target, string name)
    {
        var given = source.Weights.ToDictionary(weight => weight.Name, weight => weight.Parameter);
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        foreach (var weight in target.Weights.Where(weight => !weight.Name.Contains(".router.", StringComparison.Ordinal)))
        {
            var from = weight.Name.Replace(".moe.experts.", ".ffn.", StringComparison.Ordinal);
            if (!given.TryGetValue(from, out var dense))
                throw new UserError($"Start:Convert 'union' needs a dense model with the weight {from}, which '{name}' has not.");
            var part = Part(weight, dense);
            if (!part.shape.SequenceEqual(weight.Shape))
                throw new UserError($"Start:Convert 'union' makes {weight.Name} as [{string.Join(",", part.shape)}] of '{name}', but this recipe needs [{string.Join(",", weight.Shape)}]; "
                    + "Model:Experts times Model:ExpertHidden must be its Model:DenseHidden, and all other sizes the same.");
            weight.Parameter.copy_(part);
        }
    }

    private static Tensor Part(Weight weight, Tensor dense)
    {
        var (kind, experts) = (weight.Name.Split('.')[^1], (int)weight.Shape[0]);
        if (weight.Name.Contains(".moe.experts.", StringComparison.Ordinal))
            return UnionDecompose.Slices(dense, kind, experts);
        if (weight.Shape.Length == 3 && weight.Name.Contains(".attention.", StringComparison.Ordinal))
            return kind == "qkv" ? UnionDecompose.Heads(dense, experts) : UnionDecompose.Rows(dense, experts);
        return dense;
    }
}
