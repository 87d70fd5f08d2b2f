namespace OnnxMoe.Artifacts.Routing;

/// <summary>The routing of consecutive tokens of one request, as appended by one call.</summary>
/// <param name="Request">Number of the request (or evaluation text); tokens of a request follow each other in order.</param>
/// <param name="Phase">What the model was doing.</param>
/// <param name="Tokens">T, how many tokens the frame holds.</param>
/// <param name="Ids">Per traced layer the expert ids [T, K], row-major; -1 where a slot is unused.</param>
/// <param name="Weights">Per traced layer the combine weights [T, K]; empty arrays in a trace without weights.</param>
public sealed record RoutingTraceFrame(
    long Request,
    RoutingPhase Phase,
    int Tokens,
    IReadOnlyList<ReadOnlyMemory<int>> Ids,
    IReadOnlyList<ReadOnlyMemory<float>> Weights);
