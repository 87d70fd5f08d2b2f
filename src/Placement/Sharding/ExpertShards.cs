using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Sharding;

/// <summary>Sharded placements (Hecate, arXiv 2502.02581, section 3): every expert of a layer has exactly one owner, which holds its weights and its optimizer state.</summary>
public static class ExpertShards
{
    /// <summary>
    /// The placement of plain expert parallelism: neighbouring experts on one device where the devices divide the experts, otherwise
    /// expert after expert and layer after layer in turn, so that every device owns the same number in total.
    /// </summary>
    /// <param name="layers">L.</param>
    /// <param name="experts">E, of each layer.</param>
    /// <param name="devices">D.</param>
    /// <param name="allowUneven">Whether some devices may own one expert more than others.</param>
    /// <exception cref="UserError">L * E is no multiple of D, and that is not allowed.</exception>
    public static IReadOnlyList<PlacedLayer> Even(int layers, int experts, int devices, bool allowUneven = false)
    {
        CheckTotal(layers, experts, devices, allowUneven);
        return [.. Enumerable.Range(0, layers).Select(layer => Placed(layer, [.. Enumerable.Range(0, experts)
            .Select(e => experts % devices == 0 ? e / (experts / devices) : ((layer * experts) + e) % devices)], devices))];
    }

    /// <summary>Throws when the experts of all layers do not fill the devices evenly.</summary>
    /// <exception cref="UserError">See there.</exception>
    public static void CheckTotal(int layers, int experts, int devices, bool allowUneven)
    {
        if (layers * experts % devices != 0 && !allowUneven)
            throw new UserError($"{layers} layers of {experts} experts are {layers * experts} experts, which {devices} devices cannot own in equal numbers; allow a difference of one expert (--allow-uneven), or take another number of devices.");
    }

    /// <summary>A layer whose expert e is on device owners[e] alone.</summary>
    public static PlacedLayer Placed(int layer, IReadOnlyList<int> owners, int devices)
    {
        var held = Enumerable.Range(0, devices).Select(_ => new List<int>()).ToArray();
        for (var e = 0; e < owners.Count; e++)
            held[owners[e]].Add(e);
        return new PlacedLayer(layer, owners.Count, held);
    }

    /// <summary>The owner of each expert [E].</summary>
    /// <exception cref="UserError">An expert has none, or several.</exception>
    public static int[] Owners(PlacedLayer owned)
    {
        var owners = Enumerable.Repeat(-1, owned.Experts).ToArray();
        for (var device = 0; device < owned.Devices.Count; device++)
        {
            foreach (var expert in owned.Devices[device])
            {
                if (expert < 0 || expert >= owned.Experts)
                    throw new UserError($"Layer {owned.Layer} places expert {expert}; its experts are 0 to {owned.Experts - 1}.");
                if (owners[expert] >= 0)
                    throw new UserError($"Expert {expert} of layer {owned.Layer} has two owners, devices {owners[expert]} and {device}; in a sharded placement it has one.");
                owners[expert] = device;
            }
        }
        var missing = Array.IndexOf(owners, -1);
        return missing < 0 ? owners : throw new UserError($"Expert {missing} of layer {owned.Layer} has no owner; in a sharded placement each expert has one.");
    }

    /// <summary>The placement with further copies.</summary>
    /// <param name="placed">What there is.</param>
    /// <param name="copies">Device and expert of each new copy; none of them is there yet.</param>
    public static PlacedLayer With(PlacedLayer placed, IEnumerable<(int Device, int Expert)> copies)
    {
        var added = copies.ToLookup(copy => copy.Device, copy => copy.Expert);
        return placed with { Devices = [.. placed.Devices.Select((held, device) => added.Contains(device) ? [.. held, .. added[device]] : held)] };
    }

    /// <summary>Expert numbers by load, heaviest first; of equal loads the lowest number, so that all devices plan alike.</summary>
    public static IEnumerable<int> ByLoad(IReadOnlyList<double> load) => Enumerable.Range(0, load.Count).OrderByDescending(e => load[e]).ThenBy(e => e);
}
