using System.Globalization;

namespace OnnxMoe.Drills.Tools;

/// <summary>A cgroup of its own with a limit on memory, as containers have one, swap included; version 2 of cgroups where it is mounted, else version 1.</summary>
internal sealed class MemoryGroup : IAsyncDisposable
{
    private const string Root = "/sys/fs/cgroup";
    private readonly bool _second; // version 2

    private MemoryGroup(string folder, bool second, long bytes)
    {
        (Folder, _second) = (folder, second);
        Directory.CreateDirectory(folder);
        Write(second ? "memory.max" : "memory.limit_in_bytes", bytes);
        // Where swap is not counted there is nothing to forbid.
        if (this[second ? "memory.swap.max" : "memory.memsw.limit_in_bytes"] is { } swap && File.Exists(swap))
            Write(Path.GetFileName(swap), second ? 0 : bytes);
    }

    /// <summary>Where it is in the file system; a process joins it by its cgroup.procs.</summary>
    public string Folder { get; }

    /// <summary>Most memory that its processes had at a time, files that the kernel kept for them included.</summary>
    public double PeakMiB => File.Exists(this[Peak]) ? Read(Peak) / (double)(1 << 20) : double.NaN;

    /// <summary>Processes that the kernel has ended for want of memory.</summary>
    public long Kills => long.Parse(File.ReadLines(this[_second ? "memory.events" : "memory.oom_control"]).First(line => line.StartsWith("oom_kill ", StringComparison.Ordinal))["oom_kill ".Length..], CultureInfo.InvariantCulture);

    private string Peak => _second ? "memory.peak" : "memory.max_usage_in_bytes";

    private string this[string file] => Path.Combine(Folder, file);

    /// <exception cref="DrillSkippedException">There are no cgroups here, or no right to make one.</exception>
    public static MemoryGroup Create(int mib)
    {
        var name = $"onnxmoe-drill-{Environment.ProcessId}";
        var second = File.Exists($"{Root}/cgroup.controllers") && File.ReadAllText($"{Root}/cgroup.controllers").Contains("memory", StringComparison.Ordinal);
        if (!second && !Directory.Exists($"{Root}/memory"))
            throw new DrillSkippedException($"There is no memory controller of cgroups in {Root}.");
        try
        {
            if (second)
                File.WriteAllText($"{Root}/cgroup.subtree_control", "+memory");
            return new(second ? $"{Root}/{name}" : $"{Root}/memory/{name}", second, (long)mib << 20);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new DrillSkippedException($"A cgroup cannot be made here: {problem.Message}");
        }
    }

    /// <exception cref="DrillFailedException">A process is left in it.</exception>
    public async ValueTask DisposeAsync()
    {
        // The kernel needs a moment after the last process has ended.
        for (var i = 0; File.ReadLines(this["cgroup.procs"]).Any() && i < 100; i++)
            await Task.Delay(100);
        DrillFailedException.Unless(!File.ReadLines(this["cgroup.procs"]).Any(), $"A process is left in the cgroup {Folder}.");
        Directory.Delete(Folder);
    }

    private long Read(string file) => long.Parse(File.ReadAllText(this[file]), CultureInfo.InvariantCulture);

    private void Write(string file, long value) => File.WriteAllText(this[file], value.ToString(CultureInfo.InvariantCulture));
}
