using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Exporter.Verification;

/// <summary>
/// What a caller of a language model decides beside its tokens, with values to compare a file on: the number of active experts, and the expert
/// of each token where a router runs ahead.
/// </summary>
/// <param name="Label">Appended to the names of checks; empty for what a caller gets who decides as little as possible.</param>
/// <param name="Of">The further inputs of a step, from its token ids [B][S].</param>
public sealed record CallerInputs(string Label, Func<long[][], IReadOnlyDictionary<string, HostTensor>> Of)
{
    /// <summary>No further input.</summary>
    public static CallerInputs None { get; } = new("", _ => new Dictionary<string, HostTensor>());

    /// <summary>The values to compare on: the defaults, and the fewest and most active experts that are offered.</summary>
    public static IEnumerable<CallerInputs> For(ModelManifest manifest)
    {
        yield return new("", ids => Values(ids, manifest.PreGate, null));
        if (manifest.ActiveExperts is not { } active)
            yield break;
        foreach (var k in new[] { active.Least, active.Most }.Distinct())
            yield return new($"/k={k}", ids => Values(ids, manifest.PreGate, k));
    }

    private static Dictionary<string, HostTensor> Values(long[][] ids, PreGate? gate, int? activeExperts)
    {
        var values = new Dictionary<string, HostTensor>();
        if (gate is not null) // any choice will do: the model takes what it is given
            values[PreGate.ExpertIds] = HostTensor.From(ids.SelectMany(row => row).Select(id => id % gate.Experts).ToArray(), ids.Length, ids[0].Length);
        if (activeExperts is { } k)
            values[ActiveExperts.Input] = HostTensor.Vector((long)k);
        return values;
    }
}
