using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Training;

/// <summary>
/// <c>metrics.jsonl</c>: one JSON object a line, with the key "step". Appended while training runs; a resumed run cuts off what lies
/// behind its checkpoint, so the file reads as if the run had never stopped.
/// </summary>
public sealed class MetricsFile : IDisposable
{
    private readonly StreamWriter _writer;

    /// <param name="path">The file.</param>
    /// <param name="lastStep">Entries of later steps are dropped; 0 starts a new file.</param>
    public MetricsFile(string path, int lastStep)
    {
        Path = path;
        var kept = lastStep > 0 && File.Exists(path) ? File.ReadLines(path).Where(line => StepOf(line) <= lastStep).ToArray() : [];
        AtomicFile.WriteText(path, string.Concat(kept.Select(line => line + "\n")));
        _writer = new StreamWriter(path, append: true) { AutoFlush = true };
    }

    public string Path { get; }

    public void Add(JsonObject entry) => _writer.WriteLine(entry.ToJsonString());

    /// <summary>All entries so far.</summary>
    public IReadOnlyList<JsonObject> Read()
    {
        using var stream = new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(stream);
        var entries = new List<JsonObject>();
        while (reader.ReadLine() is { } line)
            entries.Add((JsonObject)JsonNode.Parse(line)!);
        return entries;
    }

    /// <summary>The median of all steps, in tokens a second.</summary>
    public static double MedianSpeed(IReadOnlyList<JsonObject> entries)
    {
        var speeds = entries.Select(entry => entry["tokens_per_second"]?.GetValue<double>()).OfType<double>().Order().ToArray();
        return speeds[speeds.Length / 2];
    }

    public void Dispose() => _writer.Dispose();

    /// <summary>The step of a line; a line that was torn by a kill belongs to no step that is kept.</summary>
    private static int StepOf(string line)
    {
        try
        {
            return JsonNode.Parse(line)!["step"]!.GetValue<int>();
        }
        catch (JsonException)
        {
            return int.MaxValue;
        }
    }
}
