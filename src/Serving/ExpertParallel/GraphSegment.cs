using Onnx;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>The nodes of a graph between two routed layers.</summary>
/// <param name="Nodes">In their order.</param>
/// <param name="Inputs">What they read of the graph's inputs, of earlier segments and of experts.</param>
/// <param name="Outputs">What they make for later segments, for experts, and for the graph's outputs.</param>
internal sealed record GraphSegment(IReadOnlyList<NodeProto> Nodes, IReadOnlyList<string> Inputs, IReadOnlyList<string> Outputs);
