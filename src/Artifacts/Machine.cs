namespace OnnxMoe.Artifacts;

/// <summary>This machine in words: what a measured time depends on, and nothing that identifies it.</summary>
public static class Machine
{
    /// <summary>For example "2 cores, AMD EPYC 7B13, no GPU used".</summary>
    public static string Describe()
    {
        const string cpuInfo = "/proc/cpuinfo";
        var model = File.Exists(cpuInfo)
            ? File.ReadLines(cpuInfo).Where(line => line.StartsWith("model name", StringComparison.Ordinal)).Select(line => line[(line.IndexOf(':') + 1)..].Trim()).FirstOrDefault()
            : null;
        var cores = Environment.ProcessorCount;
        return $"{cores} {(cores == 1 ? "core" : "cores")}, {model ?? "unknown processor"}, no GPU used";
    }
}
