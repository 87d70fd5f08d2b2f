using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Sharding;

/// <summary>Bytes of a layer's sparse all-gather by formula; its sparse reduce-scatter has the same (in the size of gradients) the other way round.</summary>
/// <param name="Total">Of all devices together: copies x bytes of an expert.</param>
/// <param name="Received">By each device [D]: its copies x bytes of an expert.</param>
/// <param name="Share">lambda: experts that gain copies, of all experts.</param>
/// <param name="Bound">lambda x S, S being the bytes of all experts of the layer: no device receives or sends more.</param>
public sealed record SparseVolume(long Total, IReadOnlyList<long> Received, double Share, double Bound)
{
    /// <summary>Counts copies.</summary>
    /// <param name="owned">Each expert on its owner.</param>
    /// <param name="placed">The same with copies.</param>
    /// <param name="expertBytes">Bytes of each expert [E]; all equal.</param>
    /// <exception cref="UserError">The experts of the layer have different sizes.</exception>
    public static SparseVolume Of(PlacedLayer owned, PlacedLayer placed, IReadOnlyList<long> expertBytes)
    {
        for (var e = 1; e < expertBytes.Count; e++)
        {
            if (expertBytes[e] != expertBytes[0])
                throw new UserError($"Expert {e} of layer {owned.Layer} has {expertBytes[e]:N0} bytes, but expert 0 has {expertBytes[0]:N0}; the experts of a sharded layer must have equal sizes.");
        }
        var received = placed.Devices.Zip(owned.Devices, (with, without) => (with.Count - without.Count) * expertBytes[0]).ToArray();
        var share = placed.Copies().Count(copies => copies > 1) / (double)placed.Experts;
        return new SparseVolume(received.Sum(), received, share, share * expertBytes.Sum());
    }
}
