using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Programs;

/// <summary>Brings nodes of other opsets to the form that opset 17 gives them, where that can be done by attributes and inputs.</summary>
internal static class OpsetAdapter
{
    /// <summary>Attributes that became inputs: operator, first opset with the input, attribute, position.</summary>
    private static readonly (string Op, int Since, string Attribute, int Input)[] Moved =
    [
        ("Reshape", 5, "shape", 1), ("TopK", 10, "k", 1), ("Slice", 10, "starts", 1), ("Slice", 10, "ends", 2), ("Slice", 10, "axes", 3),
        ("Pad", 11, "pads", 1), ("Pad", 11, "value", 2), ("Clip", 11, "min", 1), ("Clip", 11, "max", 2), ("Dropout", 12, "ratio", 1),
        ("Squeeze", 13, "axes", 1), ("Unsqueeze", 13, "axes", 1), ("ReduceSum", 13, "axes", 1), ("Split", 13, "split", 1),
    ];

    private static readonly HashSet<string> Flattening = ["Softmax", "LogSoftmax", "Hardmax"];

    public static Value[] Apply(OpSet ops, ProgramNode node, Value?[] inputs, Attributes attributes, int opset)
    {
        if (node.Domain.Length > 0)
            return ops.Apply(node.Op, inputs, attributes, node.Outputs.Length, node.Domain);
        if (opset < 7 && attributes.Flag("broadcast") && attributes.ContainsKey("axis"))
            throw new UserError($"broadcasting by axis (opset {opset}) is not supported; convert the model to opset 7 or later.");
        if (opset < 13 && Flattening.Contains(node.Op))
            return [Flattened(ops, node.Op, inputs[0]!, attributes.Int("axis", 1))];
        foreach (var (op, since, attribute, input) in Moved)
        {
            if (opset < since && node.Op == op && attributes.TryGetValue(attribute, out var value))
                (inputs, attributes) = MoveToInput(ops, inputs, attributes, attribute, value, input);
        }
        return ops.Apply(node.Op, inputs, attributes, node.Outputs.Length);
    }

    /// <summary>Before opset 13 these normalized all dimensions from the axis on, together.</summary>
    private static Value Flattened(OpSet ops, string op, Value x, long axis)
    {
        var flat = ops.Apply("Flatten", [x], new() { ["axis"] = axis })[0];
        return ops.Apply(op, [flat], new() { ["axis"] = 1L })[0].Reshape(x.Shape());
    }

    private static (Value?[] Inputs, Attributes Attributes) MoveToInput(OpSet ops, Value?[] inputs, Attributes attributes, string name, object value, int position)
    {
        var longer = new Value?[Math.Max(inputs.Length, position + 1)];
        inputs.CopyTo(longer, 0);
        longer[position] = ops.Constant(value switch
        {
            long[] list => HostTensor.Vector(list),
            long number => HostTensor.Vector(number),
            float number when inputs[0]!.Type == ElementType.Double => HostTensor.Scalar((double)number),
            float number when inputs[0]!.Type == ElementType.Float16 => HostTensor.Scalar((Half)number),
            float number => HostTensor.Scalar(number),
            _ => throw new UserError($"the attribute '{name}' has an unexpected type."),
        });
        var rest = new Attributes();
        foreach (var (key, kept) in attributes.Where(pair => pair.Key != name))
            rest[key] = kept;
        return (longer, rest);
    }
}
