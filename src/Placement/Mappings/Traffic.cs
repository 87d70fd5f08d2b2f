using OnnxMoe.Placement.Collectives;

namespace OnnxMoe.Placement.Mappings;

/// <summary>What a step puts on the links for one purpose, over all GPUs.</summary>
/// <param name="Purpose">The axis, in words.</param>
/// <param name="BytesWithin">Bytes within nodes.</param>
/// <param name="BytesBetween">Bytes between nodes.</param>
public sealed record Traffic(string Purpose, double BytesWithin, double BytesBetween)
{
    internal static Traffic Of(string purpose, CollectiveEstimate estimate) => new(purpose, estimate.BytesWithin, estimate.BytesBetween);
}
