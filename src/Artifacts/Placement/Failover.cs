namespace OnnxMoe.Artifacts.Placement;

/// <summary>Plans without devices that cannot be used.</summary>
public static class Failover
{
    /// <summary>
    /// The same plan with nothing on some of its devices, which keep their numbers. An expert that has copies elsewhere loses only those that were there; any
    /// other goes to the device with the fewest experts of its layer, of several to the one with the fewest in all, and then to the first.
    /// </summary>
    /// <param name="plan">A plan for all devices.</param>
    /// <param name="lost">Numbers of the devices that cannot be used; not all of them.</param>
    public static PlacementPlan Without(this PlacementPlan plan, IReadOnlySet<int> lost)
    {
        if (lost.Count == 0)
            return plan;
        int[] rest = [.. Enumerable.Range(0, plan.Devices.Count).Where(device => !lost.Contains(device))];
        if (rest.Length == 0)
            throw new ArgumentException("No device is left to hold the experts.", nameof(lost));
        var held = new int[plan.Devices.Count]; // in all layers
        foreach (var device in rest)
            held[device] = plan.Layers.Sum(layer => layer.Devices[device].Distinct().Count());
        return plan with { Layers = [.. plan.Layers.Select(layer => Without(layer, lost, rest, held))] };
    }

    private static PlacedLayer Without(PlacedLayer layer, IReadOnlySet<int> lost, int[] rest, int[] held)
    {
        var devices = layer.Devices.Select((experts, device) => lost.Contains(device) ? [] : experts.ToList()).ToArray();
        foreach (var expert in Enumerable.Range(0, layer.Experts).Except(devices.SelectMany(experts => experts)))
        {
            var receiver = rest.MinBy(device => (devices[device].Count, held[device], device));
            devices[receiver].Add(expert);
            held[receiver]++;
        }
        return layer with { Devices = devices };
    }
}
