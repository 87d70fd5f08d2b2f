using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Lowering;

/// <summary>What can be proved about a value from the nodes that make it.</summary>
internal static class ValueFacts
{
    /// <summary>True when no element can be negative (or the element is NaN, which nothing helps).</summary>
    public static bool IsNonNegative(OnnxOps ops, Value value) => IsNonNegative(ops, ((OnnxValue)value).Name, []);

    /// <summary>K of indices that come from TopK with a constant K, which also means that none is -1; else null.</summary>
    public static long? SlotsOf(OnnxOps ops, Value indices)
    {
        var name = ((OnnxValue)indices).Name;
        return ops.Producer(name) is { OpType: "TopK" } topK && topK.Output[1] == name
            && ops.Initializers?.GetValueOrDefault(topK.Input[1])?.Load().ToInt64() is [var k] ? k : null;
    }

    private static bool IsNonNegative(OnnxOps ops, string name, HashSet<string> open)
    {
        if (ops.Producer(name) is not { } node)
            return ops.Initializers?.GetValueOrDefault(name) is { Type: ElementType.Float, Shape.Length: 0 } constant && constant.Load().AsSpan<float>()[0] >= 0;
        if (!open.Add(name))
            return true; // already being looked at on this path
        bool Holds(int input) => IsNonNegative(ops, node.Input[input], open);
        return node.OpType switch
        {
            "Softmax" or "Sigmoid" or "Relu" or "Exp" or "Abs" or "Sqrt" or "Softplus" or "Shape" or "Size" or "NonZero" => true,
            "Equal" or "Less" or "LessOrEqual" or "Greater" or "GreaterOrEqual" or "And" or "Or" or "Xor" or "Not" => true, // cast: 0 or 1
            "ScatterElements" or "ScatterND" => Holds(0) && Holds(2),
            "TopK" => name != node.Output[0] || Holds(0),
            "Cast" or "Identity" or "Reshape" or "Transpose" or "Squeeze" or "Unsqueeze" or "Slice" or "Split" or "Expand" or "Tile" or "Gather"
                or "GatherElements" or "GatherND" or "ReduceSum" or "ReduceMax" or "ReduceMin" or "ReduceMean" or "ReduceProd" or "Reciprocal" => Holds(0),
            "Add" or "Mul" or "Div" or "Min" or "Concat" => Enumerable.Range(0, node.Input.Count).All(Holds),
            "Max" => Enumerable.Range(0, node.Input.Count).Any(Holds),
            "Where" => Holds(1) && Holds(2),
            "Clip" => Holds(0) || (node.Input.Count > 1 && node.Input[1].Length > 0 && Holds(1)),
            _ => false,
        };
    }
}
