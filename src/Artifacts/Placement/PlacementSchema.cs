namespace OnnxMoe.Artifacts.Placement;

/// <summary>The JSON Schema (draft 2020-12) of <c>placement.json</c>, for other programs and for people who write plans.</summary>
public static class PlacementSchema
{
    /// <summary>The schema's file name.</summary>
    public const string FileName = "placement.schema.json";

    /// <summary>The schema as text.</summary>
    public static string Text { get; } = Read();

    static string Read()
    {
        var name = $"OnnxMoe.Artifacts.Placement.{FileName}";
        using var reader = new StreamReader(typeof(PlacementSchema).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"The resource {name} is missing."));
        return reader.ReadToEnd();
    }
}
