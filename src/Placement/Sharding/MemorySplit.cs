using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Sharding;

/// <summary>Bytes of experts on the device that has most, when it has most.</summary>
/// <param name="States">Optimizer states of the experts it owns; the same at all times.</param>
/// <param name="Gradients">Of the experts it owns, and of the copies of the layer whose backward runs.</param>
/// <param name="Weights">Of the experts it owns, and of the copies that are there.</param>
public readonly record struct MemorySplit(long States, long Gradients, long Weights)
{
    /// <summary>Their sum.</summary>
    public long Total => States + Gradients + Weights;

    /// <summary>The peak of an iteration.</summary>
    /// <param name="owned">The owners [L].</param>
    /// <param name="placed">With copies [L].</param>
    /// <param name="model">The sizes.</param>
    /// <param name="rematerialized">Whether only one layer's copies are there at a time.</param>
    public static MemorySplit Of(IReadOnlyList<PlacedLayer> owned, IReadOnlyList<PlacedLayer> placed, TrainingModel model, bool rematerialized)
    {
        var peak = new MemorySplit();
        for (var device = 0; device < owned[0].Devices.Count; device++)
        {
            var mine = owned.Sum(layer => layer.Devices[device].Count);
            var copies = placed.Select((layer, l) => layer.Devices[device].Count - owned[l].Devices[device].Count).ToArray();
            var split = new MemorySplit(mine * model.ExpertParameters * model.StateBytes, (mine + copies.Max()) * model.ExpertBytes,
                (mine + (rematerialized ? copies.Max() : copies.Sum())) * model.ExpertBytes);
            if (split.Total > peak.Total)
                peak = split;
        }
        return peak;
    }
}
