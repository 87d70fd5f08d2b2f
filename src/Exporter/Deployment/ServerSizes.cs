using System.Globalization;
using OnnxMoe.Artifacts.Manifests;

namespace OnnxMoe.Exporter.Deployment;

/// <summary>What one server of a model needs, computed from the model's files.</summary>
internal sealed class ServerSizes
{
    /// <summary>The runtime, the web server and ONNX Runtime without a model.</summary>
    private const long ProgramMiB = 384;

    /// <summary>Sequences that are generated at once.</summary>
    public const int Slots = 8;

    /// <summary>Processor cores that a server asks for and computes with.</summary>
    public const int Processors = 2;

    public ServerSizes(DeployedModel model)
    {
        StoredMiB = MiB(model.StoredBytes);
        ComputedMiB = MiB(model.ComputedBytes);
        if (model.Manifest.LanguageModel is not { } sizes)
            return;
        CacheMiB = Math.Max(1, MiB(model.CacheBytesPerToken * PaddedContext(sizes) * Slots));
        ScoresMiB = MiB((long)sizes.ContextLength * sizes.VocabularySize * sizeof(float));
    }

    /// <summary>The weights as the file has them, which stay mapped into memory.</summary>
    public long StoredMiB { get; }

    /// <summary>The weights once more, packed for the processor.</summary>
    public long ComputedMiB { get; }

    /// <summary>The budget of the KV caches: all slots with full contexts; 0 for a model without caches.</summary>
    public long CacheMiB { get; }

    /// <summary>The scores of one prompt as long as the context.</summary>
    public long ScoresMiB { get; }

    /// <summary>What a server is promised.</summary>
    public long MemoryMiB => ProgramMiB + StoredMiB + ComputedMiB + CacheMiB + ScoresMiB;

    /// <summary>Beyond this it is ended: half as much again, as requests' bodies and the garbage collector take what they need for a time.</summary>
    public long MemoryLimitMiB => MemoryMiB * 3 / 2;

    /// <summary>The sum in words.</summary>
    public string Explained => string.Create(CultureInfo.InvariantCulture,
        $"{ProgramMiB} MiB for the program, {StoredMiB} for the weights in the file, {ComputedMiB} for the same packed, {CacheMiB} for KV caches, {ScoresMiB} for the scores of a prompt");

    /// <summary>Caches come in pages of 32 tokens; each sequence may have one that is not full.</summary>
    private static long PaddedContext(LanguageModelSizes sizes) => (sizes.ContextLength + 31) / 32 * 32 + 32;

    private static long MiB(long bytes) => (bytes + (1 << 20) - 1) >> 20;
}
