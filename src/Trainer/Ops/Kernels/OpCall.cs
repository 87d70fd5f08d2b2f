using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>One application of an operator: what a kernel sees.</summary>
internal sealed class OpCall(TorchOps ops, string op, TorchValue?[] inputs, Attributes attributes, int outputs)
{
    public TorchOps Ops { get; } = ops;

    public string Op { get; } = op;

    public Attributes Attributes { get; } = attributes;

    /// <summary>How many outputs are wanted.</summary>
    public int Outputs { get; } = outputs;

    public TorchValue?[] Inputs { get; } = inputs;

    /// <summary>The tensor of input <paramref name="index"/>, which the operator requires.</summary>
    public Tensor this[int index] => Value(index).Tensor;

    public TorchValue Value(int index) => Optional(index)
        ?? throw new UserError($"The operator {Op} needs input {index}, which is missing.");

    /// <summary>Input <paramref name="index"/>, or null when it was left out.</summary>
    public TorchValue? Optional(int index) => index < Inputs.Length ? Inputs[index] : null;

    /// <summary>Integers that newer opsets pass as input <paramref name="index"/> and older ones as an attribute; null: neither.</summary>
    public long[]? Ints(int index, string attribute) => Optional(index)?.Integers ?? Attributes.Ints(attribute);

    /// <summary>The dimension that <paramref name="axis"/> means, counted from the end when negative.</summary>
    public int Axis(long axis, long rank)
    {
        if (axis < -rank || axis >= rank)
            throw new UserError($"{Op}: axis {axis} is outside of a tensor with {rank} dimensions.");
        return (int)(axis < 0 ? axis + rank : axis);
    }

    /// <summary>The attribute "axis" as a dimension of input 0.</summary>
    public int Axis(long otherwise) => Axis(Attributes.Int("axis", otherwise), this[0].dim());

    /// <summary>A result that is of its tensor's own type.</summary>
    public TorchValue Result(Tensor tensor) => new(Ops, tensor);

    public TorchValue Result(HostTensor tensor) => new(Ops, tensor);
}
