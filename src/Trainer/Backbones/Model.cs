using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>A whole model: named inputs to named outputs. Exporting it is running it once on symbolic inputs.</summary>
public abstract class Model(LayerScope scope) : Layer(scope)
{
    /// <summary>The routed layers in order; none in a dense model.</summary>
    public virtual IEnumerable<RoutedLayer> RoutedLayers => [];

    /// <summary>What the names of its weights begin with, where it is a part of another model.</summary>
    internal string Prefix => Scope.Name.Length == 0 ? "" : $"{Scope.Name}.";

    public abstract IReadOnlyList<TensorSpec> Inputs { get; }

    public abstract IReadOnlyList<TensorSpec> Outputs { get; }

    /// <summary>Computes all <see cref="Outputs"/> by name from a value for each of <see cref="Inputs"/>.</summary>
    public abstract IReadOnlyDictionary<string, Value> Run(OpSet ops, IReadOnlyDictionary<string, Value> inputs);

    /// <summary>The caches as inputs (past_key_values., past) or outputs (present., total).</summary>
    protected IEnumerable<TensorSpec> Caches(string prefix, string length) =>
        Scope.Caches.Select(slot => new TensorSpec(prefix + slot.Name, slot.Type, [.. slot.Dimensions.Select(d => d == "past" ? length : d)]));

    /// <summary>The inputs that are caches, by the names of their slots.</summary>
    protected IReadOnlyDictionary<string, Value> Past(IReadOnlyDictionary<string, Value> inputs) =>
        Scope.Caches.ToDictionary(slot => slot.Name, slot => inputs[$"past_key_values.{slot.Name}"]);
}
