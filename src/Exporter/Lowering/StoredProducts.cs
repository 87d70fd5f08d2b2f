using Onnx;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Exporter.Programs;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Lowering;

/// <summary>
/// Goes over a complete graph and gives every product with a weight the form in which the precision stores that weight. Products that do nothing but choose experts
/// stay in float32 where others become codes: rounding them changes choices, and they are small.
/// </summary>
internal sealed class StoredProducts(OnnxOps ops)
{
    /// <summary>Smaller matrices, such as those of gates and of a few classes, save nothing worth a rounding.</summary>
    private const long SmallestSide = 32;

    /// <param name="outputs">The graph's outputs by name.</param>
    public void Rewrite(IReadOnlyDictionary<string, Value> outputs)
    {
        var decidesOnly = ops.Precision.CodeBits() is null ? [] : RoutingProducts(outputs);
        foreach (var node in ops.Nodes.ToArray())
        {
            if (node is { Domain: "", OpType: "MatMul" } && !decidesOnly.Contains(node))
                Product(node);
            else if (ops.Precision.CodeBits() is not null && node.Domain == OpSet.MoeDomain)
                Experts(node);
        }
    }

    private void Product(NodeProto node)
    {
        if (StoredMatrix.Behind(ops, node.Input[1]) is not { Initializer.Shape: [var depth, var width] } matrix
            || (ops.Precision.CodeBits() is not null && Math.Min(depth, width) < SmallestSide))
            return;
        if (ops.Target.StoredProduct(ops, ops.ValueOf(node.Input[0]), matrix) is { } stored)
            Become(node, stored);
    }

    private void Experts(NodeProto node)
    {
        var (first, count) = MoeFunctions.OpOf(node.OpType) switch
        {
            MoeFunctions.GroupedFfn => (3, 3),
            MoeFunctions.GroupedLinear => (2, 1),
            _ => (0, 0),
        };
        string[] stacks = [.. node.Input.Skip(first).Take(count)];
        var matrices = Array.ConvertAll(stacks, stack => stack.Length == 0 ? null : StoredMatrix.Behind(ops, stack));
        if (count == 0 || stacks.Zip(matrices).Any(pair => pair.First.Length > 0 && pair.Second is null))
            return; // made while the model runs
        Value?[] inputs =
        [
            .. node.Input.Take(first).Select(Given),
            .. matrices.SelectMany(matrix => matrix?.Codes(ops) ?? new Value?[2]),
            .. node.Input.Skip(first + count).Select(Given),
        ];
        var attributes = ProgramNode.From(node, null).Attributes;
        Become(node, count == 3 ? FunctionTarget.FfnCall(ops, inputs, attributes) : FunctionTarget.GroupedLinearCall(ops, inputs, attributes));
    }

    /// <summary>The node computes the same with what another one says; its name and outputs stay.</summary>
    private static void Become(NodeProto node, NodeProto other)
    {
        (node.Domain, node.OpType) = (other.Domain, other.OpType);
        node.Input.Clear();
        node.Input.Add(other.Input);
        node.Attribute.Clear();
        node.Attribute.Add(other.Attribute);
    }

    /// <summary>The products of which nothing comes to an output but through the choice of experts and their weights, or as state of routers.</summary>
    private HashSet<NodeProto> RoutingProducts(IReadOnlyDictionary<string, Value> outputs)
    {
        var open = new Stack<string>(outputs.Where(output => !output.Key.StartsWith(CacheInput.OutputPrefix, StringComparison.Ordinal) && !output.Key.StartsWith("routing.", StringComparison.Ordinal))
            .Select(output => ((OnnxValue)output.Value).Name));
        var met = new HashSet<NodeProto>();
        while (open.TryPop(out var value))
        {
            if (ops.Producer(value) is not { } node || !met.Add(node))
                continue;
            foreach (var (name, i) in node.Input.Select((name, i) => (name, i)).Where(input => input.name.Length > 0 && !Decides(node, input.i)))
                open.Push(name);
        }
        return [.. ops.Nodes.Where(node => node is { Domain: "", OpType: "MatMul" } && !met.Contains(node))];
    }

    /// <summary>Whether an input only says which experts, and with which weights.</summary>
    private static bool Decides(NodeProto node, int input) => (node.Domain, MoeFunctions.OpOf(node.OpType)) switch
    {
        (OpSet.MoeDomain, MoeFunctions.GroupedFfn) => input is 1 or 2,
        (OpSet.MoeDomain, MoeFunctions.GroupedLinear) => input is 1 or 4,
        (OnnxRuntimeTarget.Domain, OnnxRuntimeTarget.QuantizedExpertsOp) => input is 1 or QMoeCall.WeightsInput,
        ("", "TopK") => input == 0,
        _ => false,
    };

    private OnnxValue? Given(string name) => name.Length == 0 ? null : ops.ValueOf(name);
}
