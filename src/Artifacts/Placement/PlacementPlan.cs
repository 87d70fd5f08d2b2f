using System.Text.Json.Nodes;

namespace OnnxMoe.Artifacts.Placement;

/// <summary>
/// <c>placement.json</c>: which device holds which routed expert of which layer. All other weights (shared experts, attention,
/// embeddings) are on every device. The model file is never permuted: ids stay logical, serving maps them.
/// </summary>
/// <param name="Format">Always <see cref="CurrentFormat"/>.</param>
/// <param name="Solver">Name of the solver that made it.</param>
/// <param name="Source">What it was made from.</param>
/// <param name="Devices">The devices, numbered in this order.</param>
/// <param name="Layers">The routed layers in ascending order.</param>
public sealed record PlacementPlan(
    string Format,
    string Solver,
    PlacementSource Source,
    IReadOnlyList<PlacedDevice> Devices,
    IReadOnlyList<PlacedLayer> Layers)
{
    /// <summary>The version of the format that this program writes and reads.</summary>
    public const string CurrentFormat = "onnxmoe-placement/1";

    /// <summary>The plan's name in a model folder.</summary>
    public const string FileName = "placement.json";

    /// <summary>What the solver reported: status, objective, bound, gap, seconds; one entry a program.</summary>
    public IReadOnlyList<SolveRecord> Solves { get; init; } = [];

    /// <summary>Measures of the plan on the tokens it was fitted to and on held-out ones, by name.</summary>
    public IReadOnlyDictionary<string, FitAndTest> Measures { get; init; } = new SortedDictionary<string, FitAndTest>(StringComparer.Ordinal);

    /// <summary>Reads and checks a plan.</summary>
    /// <exception cref="UserError">No file, another format, or a plan that breaks a rule.</exception>
    public static PlacementPlan Load(string path)
    {
        // The format first: a file of another version may have other fields.
        var format = JsonFile.Load<JsonNode>(path) is JsonObject fields && fields["format"] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;
        if (format != CurrentFormat)
            throw new UserError($"{path} has the format '{format ?? "(none)"}', but this program reads '{CurrentFormat}'.");
        return PlacementCheck.Passed(JsonFile.Load<PlacementPlan>(path), path);
    }

    /// <summary>Checks the plan and writes it; the file appears only when it is whole.</summary>
    public void Save(string path)
    {
        PlacementCheck.Passed(this, path);
        AtomicFile.WriteJson(path, this);
    }
}
