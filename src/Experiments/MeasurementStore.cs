using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Experiments;

/// <summary>
/// The finished runs of an experiment, a JSON file each, named by arm, seed and the fingerprint of all that the numbers depend on. An
/// experiment that was killed goes on behind the last of them, and an arm that did not change is not run again.
/// </summary>
/// <param name="folder">models/reproduce/NAME.</param>
/// <param name="experiment">Whose name and version are part of the fingerprint; null: that of arms that experiments share.</param>
public sealed class MeasurementStore(string folder, Experiment? experiment)
{
    /// <summary>To be raised when training or what every arm measures changes.</summary>
    public const int HarnessVersion = 1;

    /// <summary>The project's JSON, but a run that diverged has measures that are no numbers.</summary>
    private static readonly JsonSerializerOptions Json = new(JsonFile.Options) { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, WriteIndented = false };

    /// <summary>The runs of arms that experiments share, in a folder beside this one.</summary>
    public MeasurementStore Shared => new(Path.Combine(Path.GetDirectoryName(folder)!, "shared"), null);

    /// <summary>The stored run, or null when there is none of these settings. A damaged file counts as none.</summary>
    /// <param name="arm">Name of the arm.</param>
    /// <param name="seed">Seed of the run.</param>
    /// <param name="settings">The arm's own fingerprint.</param>
    public Measurement? Load(string arm, long seed, string settings)
    {
        var fingerprint = Fingerprint(settings);
        var path = PathOf(arm, seed, fingerprint);
        if (!File.Exists(path))
            return null;
        try
        {
            var stored = JsonSerializer.Deserialize<Measurement>(File.ReadAllBytes(path), Json);
            return stored?.Fingerprint == fingerprint ? stored : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>An empty measurement, to be filled by a run and saved.</summary>
    public Measurement New(string arm, long seed, string settings) => new(arm, seed, Fingerprint(settings));

    public void Save(Measurement run) => AtomicFile.WriteText(PathOf(run.Arm, run.Seed, run.Fingerprint), JsonSerializer.Serialize(run, Json));

    /// <summary>Deletes all stored runs of the experiment, not those of shared arms.</summary>
    public void Clear()
    {
        if (!Directory.Exists(folder))
            return;
        foreach (var file in Directory.EnumerateFiles(folder, "*.json"))
            File.Delete(file);
    }

    private string Fingerprint(string settings) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{HarnessVersion} {experiment?.Name} {experiment?.Version} {settings}")));

    private string PathOf(string arm, long seed, string fingerprint)
    {
        var name = string.Concat(arm.Select(c => char.IsAsciiLetterOrDigit(c) ? char.ToLowerInvariant(c) : '-'));
        return Path.Combine(folder, $"{name}-seed{seed}-{fingerprint[..12]}.json");
    }
}
