using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Cells;

/// <summary>
/// A directed acyclic graph of feature maps: node 0 is the input, every later node the sum of what the edges from all earlier ones bring, the last one the output.
/// </summary>
public sealed class Cell : Layer
{
    private readonly EdgeOp[][] _edges;
    private readonly int _nodes;

    /// <param name="scope">Of the weights.</param>
    /// <param name="nodes">Input and output among them.</param>
    /// <param name="candidates">The operations of each edge.</param>
    /// <param name="channels">Of all nodes.</param>
    /// <param name="affine">Whether normalizations learn.</param>
    public Cell(LayerScope scope, int nodes, IReadOnlyList<IReadOnlyList<string>> candidates, int channels, bool affine) : base(scope)
    {
        _nodes = nodes;
        _edges = [.. candidates.Select((names, edge) => names.Select(name => new EdgeOp(scope.Child($"edges.{edge}.{name}"), name, channels, affine)).ToArray())];
    }

    /// <summary>The operations of each edge.</summary>
    public IReadOnlyList<IReadOnlyList<EdgeOp>> Edges => _edges;

    /// <param name="x">[B, C, H, W]</param>
    /// <param name="gates">For each edge what it runs.</param>
    /// <param name="context">Says which statistics.</param>
    public Value Forward(Value x, IReadOnlyList<IReadOnlyList<GatedOp>> gates, ForwardContext context)
    {
        var nodes = new Value?[_nodes];
        nodes[0] = x;
        var edge = 0;
        for (var end = 1; end < _nodes; end++)
            for (var begin = 0; begin < end; begin++, edge++)
                if (nodes[begin] is { } from)
                    foreach (var gated in gates[edge])
                        if (_edges[edge][gated.Op].Forward(from, context) is { } result)
                            nodes[end] = Sum(nodes[end], gated.Weight is { } weight ? result * weight : result);
        // A cell whose output nothing reaches gives zeros.
        return nodes[^1] ?? x * 0;
    }

    /// <summary>Multiply-adds, twice, of an image with a side.</summary>
    public double Flops(int side, IReadOnlyList<IReadOnlyList<GatedOp>> gates) => gates.Select((ops, edge) => ops.Sum(gated => _edges[edge][gated.Op].Flops(side))).Sum();

    private static Value Sum(Value? a, Value b) => a is null ? b : a + b;
}
