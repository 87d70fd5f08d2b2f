using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Placement.Simulation;

/// <summary>The best divisions of the blocks for one kind of hardware and one shape of layer, by the number of tokens: tuned before, looked up when needed.</summary>
/// <param name="Format">Always <see cref="CurrentFormat"/>.</param>
/// <param name="Hardware">Hash of the hardware, as <see cref="HashOf"/> gives it.</param>
/// <param name="Shape">The experts on one GPU.</param>
/// <param name="Experts">Routed experts of the layer.</param>
/// <param name="ExpertsPerToken">K.</param>
/// <param name="Entries">By the number of tokens, ascending.</param>
public sealed record OverlapProfile(string Format, string Hardware, ExpertShape Shape, int Experts, int ExpertsPerToken, IReadOnlyList<ProfileEntry> Entries)
{
    /// <summary>The version of the format that this program writes and reads.</summary>
    public const string CurrentFormat = "onnxmoe-overlap/1";

    /// <summary>
    /// The division for so many tokens: that of the nearest bucket (by ratio), with a sentence when the number is more than a factor of the root of 2
    /// away from it, so that no bucket is really for it.
    /// </summary>
    public (BlockSplit Split, string? Note) Lookup(int tokens)
    {
        double Distance(ProfileEntry entry) => Math.Abs(Math.Log2((double)Math.Max(1, tokens) / entry.Tokens));
        var nearest = Entries.MinBy(Distance)!;
        return (nearest.Split, Distance(nearest) <= 0.5 ? null
            : string.Create(CultureInfo.InvariantCulture, $"No division of blocks was tuned for {tokens} tokens; that for {nearest.Tokens} is taken."));
    }

    /// <summary>This profile, when it is for that hardware and shape.</summary>
    /// <exception cref="UserError">It is for another.</exception>
    public OverlapProfile For(Cluster cluster, ExpertShape shape, int experts, int expertsPerToken, string where)
    {
        if (Hardware != HashOf(cluster))
            throw new UserError($"{where} was tuned on other hardware than '{cluster.Name}'; tune again on this one.");
        if (Shape != shape || Experts != experts || ExpertsPerToken != expertsPerToken)
            throw new UserError($"{where} is for {Describe(Shape, Experts, ExpertsPerToken)}, but the layer has {Describe(shape, experts, expertsPerToken)}; tune again for this one.");
        return this;
    }

    /// <summary>Reads and checks a profile.</summary>
    /// <exception cref="UserError">No file, another format, or an entry that cannot be.</exception>
    public static OverlapProfile Load(string path)
    {
        var profile = JsonFile.Load<OverlapProfile>(path);
        if (profile.Format != CurrentFormat)
            throw new UserError($"{path} has the format '{profile.Format}', but this program reads '{CurrentFormat}'.");
        if (profile.Entries.Count == 0 || profile.Entries.Any(e => e.Tokens < 1 || e.DispatchBlocks < 1 || e.CombineBlocks < 1 || e.ColumnBlock < 1))
            throw new UserError($"{path} needs at least one entry, each with tokens, blocks and columns of at least 1.");
        return profile;
    }

    /// <summary>Writes the profile; the file appears only when it is whole.</summary>
    public void Save(string path) => AtomicFile.WriteJson(path, this);

    /// <summary>SHA-256 of what the simulator knows of a cluster, but its name: GPUs, links, nodes.</summary>
    public static string HashOf(Cluster cluster)
    {
        var text = new StringBuilder();
        foreach (var d in cluster.Devices)
            text.Append(CultureInfo.InvariantCulture, $"{d.Node} {d.Flops} {d.Blocks} {d.MemoryBytesPerSecond} {d.BlockBytesPerSecond}\n");
        foreach (var (from, to) in cluster.Pairs())
            text.Append(CultureInfo.InvariantCulture, $"{cluster.Bandwidth(from, to)} {cluster.Port(from, to)} {cluster.Latency(from, to)}\n");
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    static string Describe(ExpertShape shape, int experts, int k) =>
        $"{experts} experts, {k} a token, of {shape.Hidden} x {shape.Width}{(shape.Gated ? " (gated)" : "")} in {shape.ElementBytes} bytes";
}
