using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Exporter.Verification;

/// <summary>
/// What a caller of a language model decides beside its tokens, with values to compare a file on: the number of active experts or the threshold
/// up to which they are added, and the expert of each token where a router runs ahead.
/// </summary>
/// <param name="Label">Appended to the names of checks; empty for what a caller gets who decides as little as possible.</param>
/// <param name="Of">The further inputs of a step, from its token ids [B][S].</param>
public sealed record CallerInputs(string Label, Func<long[][], Dictionary<string, HostTensor>> Of)
{
    private const float AllExperts = 1.1f;

    /// <summary>No further input.</summary>
    public static CallerInputs None { get; } = new("", _ => []);

    /// <summary>The values to compare on: the defaults, the fewest and most active experts that are offered, and a threshold that all experts stay below.</summary>
    public static IEnumerable<CallerInputs> For(ModelManifest manifest)
    {
        yield return new("", ids => Values(ids, manifest.PreGate));
        if (manifest.ActiveExperts is { } active)
            foreach (var k in new[] { active.Least, active.Most }.Distinct())
                yield return new($"/k={k}", ids => new(Values(ids, manifest.PreGate)) { [ActiveExperts.Input] = HostTensor.Vector((long)k) });
        if (manifest.RouterThreshold is not null)
            yield return new(FormattableString.Invariant($"/p={AllExperts}"), ids => new(Values(ids, manifest.PreGate)) { [RouterThreshold.Input] = HostTensor.Scalar(AllExperts) });
    }

    private static Dictionary<string, HostTensor> Values(long[][] ids, PreGate? gate) => gate is null ? [] : new()
    {
        [PreGate.ExpertIds] = HostTensor.From(ids.SelectMany(row => row).Select(id => id % gate.Experts).ToArray(), ids.Length, ids[0].Length), // any choice will do
    };
}
