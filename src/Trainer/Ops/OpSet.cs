using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Ops;

/// <summary>
/// The operations that a forward pass may use: ONNX's (opset 17), by ONNX's names and with ONNX's semantics, plus the MoE
/// ops of the domain <c>onnxmoe</c> (<see cref="MoeOps"/>). One method runs them all; the typed, fluent forms are
/// extension methods on <see cref="Value"/> (<see cref="ArithmeticOps"/>, <see cref="ShapeOps"/>, <see cref="NeuralOps"/>, ...).
/// <see cref="TorchOps"/> computes at once, with autograd; the exporter's OnnxOps appends a node to a graph.
/// </summary>
public abstract class OpSet
{
    /// <summary>The ONNX operator set that names and semantics follow.</summary>
    public const int OnnxOpset = 17;

    /// <summary>The domain of the MoE ops.</summary>
    public const string MoeDomain = MoeFunctions.Domain;

    /// <summary>True while training: noise, dropout and auxiliary losses ask this. Always false while exporting.</summary>
    public abstract bool IsTraining { get; }

    /// <summary>
    /// Applies one operator. <paramref name="inputs"/> holds null for an omitted optional input. Returns
    /// <paramref name="outputs"/> values. Throws <see cref="Artifacts.UserError"/> for an operator that the set does not have.
    /// </summary>
    public abstract Value[] Apply(string op, Value?[] inputs, Attributes? attributes = null, int outputs = 1, string domain = "");

    public abstract Value Constant(HostTensor tensor);

    /// <summary>The value of a weight as passes use it: all of it, or what a supernet makes of it for the architecture it runs.</summary>
    public Value Weight(Weight weight) => weight.Mixture is { } mixture ? mixture.Of(this, weight) : Part(weight);

    /// <summary>The part of a weight that passes use.</summary>
    public Value Part(Weight weight) => weight.Part is { } part ? part.Of(Stored(weight), weight.Shape) : Stored(weight);

    /// <summary>The whole weight.</summary>
    protected abstract Value Stored(Weight weight);

    /// <summary>The value without its gradient: itself where there are no gradients.</summary>
    public virtual Value Detach(Value value) => value;

    /// <summary>A one-dimensional int64 constant: a shape, axes, starts, ...</summary>
    public Value Ints(params long[] values) => Constant(HostTensor.Vector(values));
}
