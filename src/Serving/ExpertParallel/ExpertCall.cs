using Onnx;
using OnnxMoe.Artifacts.Routing;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>The node of a graph that applies the routed experts of a layer, or of one of its iterations.</summary>
/// <param name="Node">A call of GroupedFfn.</param>
/// <param name="Site">Layer and iteration.</param>
/// <param name="Segment">Number of the segment after which it can run.</param>
/// <param name="Stacks">The initializers with the weights of all experts [E, ...], in the order of the node's inputs; empty where one is left out.</param>
internal sealed record ExpertCall(NodeProto Node, RoutingSite Site, int Segment, IReadOnlyList<string> Stacks)
{
    /// <summary>How many of the node's inputs come before the stacks.</summary>
    public const int Operands = 3;

    /// <summary>The tokens [T, D].</summary>
    public string Tokens => Node.Input[0];

    /// <summary>The chosen experts [T, K], -1 for none.</summary>
    public string Indices => Node.Input[1];

    /// <summary>Their weights [T, K].</summary>
    public string Weights => Node.Input[2];

    /// <summary>The result [T, D].</summary>
    public string Output => Node.Output[0];
}
