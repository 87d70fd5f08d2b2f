namespace OnnxMoe.Artifacts.Placement;

/// <summary>The rules of placement.schema.json that the types of the records do not keep; a mistake is named by its JSON path.</summary>
static class PlacementShape
{
    /// <summary>Throws a <see cref="UserError"/> with the first broken rule; <paramref name="where"/> names the file.</summary>
    public static void Passed(PlacementPlan plan, string where)
    {
        if (Problems(plan).FirstOrDefault() is ({ } path, var problem))
            throw new UserError($"{where}: '{path}' {problem}.");
    }

    static IEnumerable<(string? Path, string Problem)> Problems(PlacementPlan plan) =>
    [
        .. Text(plan.Solver, "solver"),
        .. AtLeast(0, plan.Source.Tokens, "source.tokens"),
        .. Hash(plan.Source.TraceHash, "source.traceHash"),
        .. Items(plan.Devices, "devices", Device),
        .. Items(plan.Layers, "layers", Layer),
        .. Items(plan.Solves, "solves", (solve, path) => AtLeast(0, solve.Seconds, $"{path}.seconds")),
        .. plan.Measures.Where(measure => measure.Value is null).Select(measure => Null($"measures.{measure.Key}")),
    ];

    static IEnumerable<(string?, string)> Device(PlacedDevice device, string path) =>
        [.. Text(device.Node, $"{path}.node"), .. AtLeast(0, device.MemoryBytes, $"{path}.memoryBytes"), .. AtLeast(0, device.UsedBytes, $"{path}.usedBytes")];

    static IEnumerable<(string?, string)> Layer(PlacedLayer layer, string path) =>
    [
        .. AtLeast(0, layer.Layer, $"{path}.layer"),
        .. AtLeast(1, layer.Experts, $"{path}.experts"),
        .. Items(layer.Devices, $"{path}.devices", Experts),
    ];

    static IEnumerable<(string?, string)> Experts(IReadOnlyList<int> experts, string path) =>
    [
        .. experts.Count > 0 ? Array.Empty<(string?, string)>() : [(path, "leaves a device without an expert of the layer")],
        .. experts.SelectMany((expert, i) => AtLeast(0, expert, $"{path}[{i}]")),
    ];

    /// <summary>What is wrong with the items of a list; null ones get past the serializer, which checks fields alone.</summary>
    static IEnumerable<(string?, string)> Items<T>(IReadOnlyList<T> items, string path, Func<T, string, IEnumerable<(string?, string)>> problems) =>
        items.SelectMany((item, i) => item is null ? [Null($"{path}[{i}]")] : problems(item, $"{path}[{i}]"));

    static IEnumerable<(string?, string)> AtLeast(double least, double value, string path) =>
        value >= least ? [] : [(path, FormattableString.Invariant($"should be at least {least}, not {value}"))];

    static IEnumerable<(string?, string)> Text(string text, string path) => text.Length > 0 ? [] : [(path, "should not be empty")];

    static IEnumerable<(string?, string)> Hash(string text, string path) =>
        text.Length == 0 || text.Length == 64 && text.All(char.IsAsciiHexDigitLower) ? [] : [(path, $"should be a SHA-256 of 64 lower-case hexadecimal digits, not '{text}'")];

    static (string?, string) Null(string path) => (path, "may not be null");
}
