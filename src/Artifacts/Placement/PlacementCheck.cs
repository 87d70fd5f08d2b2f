namespace OnnxMoe.Artifacts.Placement;

/// <summary>The rules of every plan, whoever made it.</summary>
public static class PlacementCheck
{
    /// <summary>Returns the plan, or throws a <see cref="UserError"/> with the first broken rule; <paramref name="where"/> names the file.</summary>
    public static PlacementPlan Passed(PlacementPlan plan, string where)
    {
        PlacementShape.Passed(plan, where);
        if (plan.Devices.Count == 0 || plan.Layers.Count == 0)
            throw new UserError($"{where} places nothing: it has {plan.Devices.Count} devices and {plan.Layers.Count} layers.");
        for (var l = 0; l < plan.Layers.Count; l++)
        {
            if (l > 0 && plan.Layers[l].Layer <= plan.Layers[l - 1].Layer)
                throw new UserError($"{where}: layer {plan.Layers[l].Layer} comes after layer {plan.Layers[l - 1].Layer}; layers must be listed once, in ascending order.");
            CheckLayer(plan.Layers[l], plan.Devices.Count, where);
        }
        for (var g = 0; g < plan.Devices.Count; g++)
        {
            var (_, memory, used) = plan.Devices[g];
            if (memory > 0 && used > memory)
                throw new UserError($"{where}: device {g} would hold {used:N0} bytes of weights, but has {memory:N0}.");
        }
        return plan;
    }

    /// <summary>Throws when the plan is not for a model (or whatever has them) with these routed layers (layer number, experts).</summary>
    public static void Matches(PlacementPlan plan, IReadOnlyList<(int Layer, int Experts)> layers, string where, string what = "model")
    {
        if (!plan.Layers.Select(l => (l.Layer, l.Experts)).SequenceEqual(layers))
            throw new UserError($"{where} is for {Describe(plan.Layers.Select(l => (l.Layer, l.Experts)))}, but the {what} has {Describe(layers)}; plan again with 'onnxmoe place'.");
    }

    static void CheckLayer(PlacedLayer layer, int devices, string where)
    {
        if (layer.Devices.Count != devices)
            throw new UserError($"{where}: layer {layer.Layer} lists {layer.Devices.Count} devices, but the plan has {devices}.");
        if (layer.Devices.SelectMany(d => d).Where(e => e >= layer.Experts).Select(e => (int?)e).FirstOrDefault() is { } odd)
            throw new UserError($"{where}: layer {layer.Layer} places expert {odd}; its experts are 0 to {layer.Experts - 1}.");
        if (Array.IndexOf(layer.Copies(), 0) is >= 0 and var missing)
            throw new UserError($"{where}: layer {layer.Layer} places expert {missing} nowhere.");
        var homes = layer.Homes();
        if (Array.FindIndex(homes, gpus => gpus.Count > 1 && gpus[0] == gpus[^1]) is >= 0 and var twice)
            throw new UserError($"{where}: layer {layer.Layer} places expert {twice} {homes[twice].Count} times on device {homes[twice][0]} and nowhere else; once is right, and copies are for other devices.");
    }

    static string Describe(IEnumerable<(int Layer, int Experts)> layers)
    {
        var list = layers.ToList();
        return $"{list.Count} routed layers (numbers {string.Join(", ", list.Select(l => l.Layer))}) of {string.Join(", ", list.Select(l => l.Experts).Distinct())} experts";
    }
}
