namespace OnnxMoe.Artifacts.Placement;

/// <summary>Where the routed experts of one layer live.</summary>
/// <param name="Layer">Number of the layer in the model.</param>
/// <param name="Experts">E, how many routed experts the layer has.</param>
/// <param name="Devices">For each device the logical experts in its slots; an expert may stand in several slots (copies).</param>
public sealed record PlacedLayer(int Layer, int Experts, IReadOnlyList<IReadOnlyList<int>> Devices)
{
    /// <summary>Consecutive experts together, as serving systems do without a planner: expert e on device e x G / E.</summary>
    public static PlacedLayer Contiguous(int layer, int experts, int devices) =>
        new(layer, experts, [.. Enumerable.Range(0, devices).Select(device => Enumerable.Range(0, experts).Where(expert => (long)expert * devices / experts == device).ToArray())]);

    /// <summary>How many slots hold each expert [E].</summary>
    public int[] Copies()
    {
        var copies = new int[Experts];
        foreach (var expert in Devices.SelectMany(d => d))
            copies[expert]++;
        return copies;
    }

    /// <summary>The devices of each expert [E], one entry a copy, in device order.</summary>
    public IReadOnlyList<int>[] Homes()
    {
        var homes = Enumerable.Range(0, Experts).Select(_ => new List<int>()).ToArray();
        for (var device = 0; device < Devices.Count; device++)
        {
            foreach (var expert in Devices[device])
                homes[expert].Add(device);
        }
        return homes;
    }
}
