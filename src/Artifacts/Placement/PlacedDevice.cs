namespace OnnxMoe.Artifacts.Placement;

/// <summary>One device of a plan.</summary>
/// <param name="Node">Name of its node.</param>
/// <param name="MemoryBytes">Memory for weights; 0 when the cluster description does not say.</param>
/// <param name="UsedBytes">Bytes of all weights the plan puts there, replicated ones included; 0 when the sizes are unknown.</param>
public sealed record PlacedDevice(string Node, long MemoryBytes, long UsedBytes);
