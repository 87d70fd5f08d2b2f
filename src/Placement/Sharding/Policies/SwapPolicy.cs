using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Sharding.Policies;

/// <summary>
/// As SmartMoE (Zhai et al. 2023, USENIX ATC) rearranges: at intervals, experts swap their devices until no swap with the busiest device
/// helps. Weights and optimizer states move, and training waits for them.
/// </summary>
/// <param name="every">Iterations between two rearrangements.</param>
public sealed class SwapPolicy(int every) : ShardingPolicy("swaps", "SmartMoE-like: experts swap devices at intervals, with their optimizer states")
{
    /// <inheritdoc/>
    public override IReadOnlyList<PlacedLayer> Owners(int iteration, IReadOnlyList<PlacedLayer> owners, IReadOnlyList<double[]> estimate) =>
        iteration % every != 0 ? owners : [.. owners.Select((layer, l) => Swapped(layer, estimate[l]))];

    /// <summary>The layer after the swaps, each the best there is of the busiest device.</summary>
    internal static PlacedLayer Swapped(PlacedLayer layer, IReadOnlyList<double> load)
    {
        var held = layer.Devices.Select(experts => experts.ToList()).ToArray();
        var loads = held.Select(experts => experts.Sum(e => load[e])).ToArray();
        var moved = false;
        // Each swap lowers the busiest device and raises none to where it was, so this ends; the limit is for rounding.
        for (var swaps = 0; swaps < layer.Experts * layer.Experts; swaps++)
        {
            var busiest = Enumerable.Range(0, loads.Length).MaxBy(d => loads[d]);
            (double Peak, int Mine, int Device, int Theirs) best = (loads[busiest] * (1 - 1e-9), -1, -1, -1);
            foreach (var mine in held[busiest])
            {
                for (var device = 0; device < held.Length; device++)
                {
                    foreach (var theirs in held[device])
                    {
                        var gain = load[mine] - load[theirs];
                        var peak = Math.Max(loads[busiest] - gain, loads[device] + gain);
                        if (device != busiest && peak < best.Peak)
                            best = (peak, mine, device, theirs);
                    }
                }
            }
            if (best.Device < 0)
                break;
            held[busiest][held[busiest].IndexOf(best.Mine)] = best.Theirs;
            held[best.Device][held[best.Device].IndexOf(best.Theirs)] = best.Mine;
            loads[busiest] += load[best.Theirs] - load[best.Mine];
            loads[best.Device] += load[best.Mine] - load[best.Theirs];
            moved = true;
        }
        return moved ? layer with { Devices = held } : layer;
    }
}
