using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>Makes the weights of one model from those of several by a list of rules, of which the first that knows a name holds.</summary>
/// <param name="convert">The conversion's word, for errors.</param>
/// <param name="rules">The map from weights to rules.</param>
public sealed class Upcycler(string convert, IReadOnlyList<UpcycleRule> rules)
{
    /// <exception cref="UserError">A model lacks a weight or has it in another shape, or there are fewer experts than models.</exception>
    public void Apply(IReadOnlyList<TrainedModel> sources, DecoderLm target)
    {
        using var noGrad = no_grad();
        var given = sources.Select(source => source.Model.Weights.ToDictionary(weight => weight.Name)).ToArray();
        foreach (var weight in target.Weights)
        {
            var (rule, name) = rules.Select(rule => (rule, rule.SourceOf(weight.Name))).First(found => found.Item2 is not null);
            if (rule.Kind == UpcycleKind.Random)
                continue;
            using var scope = NewDisposeScope();
            var shape = SourceShape(weight, rule.Kind, sources.Count);
            var parts = sources.Select((source, i) => Part(source, given[i].GetValueOrDefault(name!), name!, rule, shape)).ToArray();
            weight.Parameter.copy_(rule.Kind == UpcycleKind.Mean
                ? stack(parts.Select(part => part.to(ScalarType.Float64))).mean([0])
                : stack(Enumerable.Range(0, (int)weight.Shape[0]).Select(expert => parts[expert % parts.Length])));
        }
    }

    private long[] SourceShape(Weight weight, UpcycleKind kind, int models)
    {
        if (kind == UpcycleKind.Mean)
            return weight.Shape;
        return weight.Shape[0] >= models ? weight.Shape[1..]
            : throw new UserError($"Start:Convert '{convert}' makes at least one expert of each of the {models} models in Start:From, but {weight.Name} has only {weight.Shape[0]} experts; "
                + "set Model:Experts (and Model:AttentionBank:Experts) to the number of models.");
    }

    private Tensor Part(TrainedModel source, Weight? weight, string name, UpcycleRule rule, long[] shape)
    {
        if (weight is null)
            throw new UserError($"Start:Convert '{convert}' needs {name} of every model in Start:From, but '{source.Manifest.Name}' has no such weight.");
        var part = rule.Columns is { } columns && columns.Start + columns.Length <= weight.Shape[^1]
            ? weight.Parameter.narrow(-1, columns.Start, columns.Length) : weight.Parameter;
        return part.shape.SequenceEqual(shape) ? part
            : throw new UserError($"Start:Convert '{convert}' needs {name} of '{source.Manifest.Name}' as [{string.Join(",", shape)}], but it is [{string.Join(",", part.shape)}].");
    }
}
