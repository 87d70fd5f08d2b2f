using Onnx;
using OnnxMoe.Artifacts.Graphs;

namespace OnnxMoe.Serving.Paging;

/// <summary>Gives paged attentions the one product that queries, keys and values are parts of, as it is: the kernel finds them in it.</summary>
internal static class JoinedHeads
{
    /// <summary>Changes the graph in place.</summary>
    public static void Use(ModelProto model)
    {
        var graph = model.Graph;
        var readers = graph.Node.SelectMany(node => ValueNames.UsedBy(node).Distinct()).CountBy(name => name).ToDictionary();
        var splits = graph.Node.Where(node => node.OpType == "Split" && node.Output.Count == 3 && node.Attribute.Any(attribute => attribute is { Name: "axis", I: -1 }))
            .ToDictionary(node => node.Output[0]);
        foreach (var attention in graph.Node.Where(node => node.OpType == NativeAttention.Op))
        {
            if (!splits.TryGetValue(attention.Input[0], out var split) || !split.Output.SequenceEqual(attention.Input.Take(3)) || split.Output.Any(part => readers[part] > 1))
                continue;
            graph.Node.Remove(split);
            (attention.Input[0], attention.Input[1], attention.Input[2]) = (split.Input[0], "", "");
        }
    }
}
