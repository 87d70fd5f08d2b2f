using System.Security.Cryptography;
using System.Text.Json;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Serving.Groups;

/// <summary>What a rank says of itself at the start.</summary>
/// <param name="Host">The machine it is on.</param>
/// <param name="Problem">Why it cannot serve; null when it can.</param>
/// <param name="Has">What must be the same on all ranks: a name for each thing, and a checksum or a value.</param>
internal sealed record GroupReport(string Host, string? Problem, SortedDictionary<string, string> Has)
{
    /// <summary>That all is well.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="options">The settings.</param>
    /// <param name="plan">Where the experts are.</param>
    /// <exception cref="UserError">A file cannot be read, or a setting is not for groups.</exception>
    public static GroupReport Of(string folder, ServeOptions options, PlacementPlan plan)
    {
        if (options.WatchModel)
            throw new UserError("Serve:WatchModel is on, but a group of processes keeps its model until it ends; leave the setting out.");
        var has = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["version of onnxmoe"] = typeof(GroupReport).Assembly.GetName().Version!.ToString(3),
            ["placement plan"] = Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(plan.Layers, JsonFile.Options))),
            ["value of Serve:Kernels"] = options.Kernels,
            ["value of Serve:Pages"] = options.Pages,
            ["value of Serve:CachePrecision"] = options.CachePrecision,
            ["kind of device"] = options.Device.Split(':')[0],
        };
        foreach (var (name, sum) in FilesOf(folder, options.File))
            has[name] = sum;
        return new(Environment.MachineName, null, has);
    }

    /// <summary>What keeps the ranks from serving together, in one sentence; null when nothing does.</summary>
    /// <param name="reports">Those of all ranks, in their order.</param>
    public static string? Problems(IReadOnlyList<GroupReport> reports)
    {
        if (reports.Index().FirstOrDefault(report => report.Item.Problem is not null) is { Item: { } failed, Index: var rank })
            return reports.All(report => report.Problem == failed.Problem) ? failed.Problem : $"Rank {rank} of the group (on {failed.Host}): {failed.Problem}";
        foreach (var (other, report) in reports.Index())
        {
            if (reports[0].Has.Keys.Union(report.Has.Keys).FirstOrDefault(thing => reports[0].Has.GetValueOrDefault(thing) != report.Has.GetValueOrDefault(thing)) is { } thing)
                return $"Rank {other} of the group (on {report.Host}) has another {thing} than rank 0 (on {reports[0].Host}); give all ranks the same program, model folder and settings.";
        }
        return null;
    }

    /// <summary>The ONNX file and its external data: the manifest's checksums, which were checked when it was read.</summary>
    private static IEnumerable<KeyValuePair<string, string>> FilesOf(string folder, string onnx)
    {
        bool IsOfModel(string name) => name == onnx || name.StartsWith(onnx + ".", StringComparison.Ordinal);
        return File.Exists(Path.Combine(folder, ModelManifest.FileName))
            ? ModelManifest.Load(folder).Files.Where(file => IsOfModel(file.Key))
            : Checksums.Of(folder, Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path)).Where(IsOfModel));
    }
}
