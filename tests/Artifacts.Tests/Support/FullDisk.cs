using System.Diagnostics;

namespace OnnxMoe.Artifacts.Tests.Support;

/// <summary>
/// A folder on a disk of 64 KiB: a small tmpfs where the tests may mount one (root). Elsewhere <see cref="Mounted"/> is false and
/// <see cref="FillUp"/> writes to /dev/full, which answers every write with "no space left on device".
/// </summary>
public sealed class FullDisk : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public FullDisk() => Mounted = Run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", _folder.Path);

    public bool Mounted { get; }

    public TemporaryFolder Folder => _folder;

    /// <summary>Writes more than the disk holds, through <paramref name="stream"/> if that is on the small disk.</summary>
    public void FillUp(Stream stream)
    {
        using var full = Mounted ? null : new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0);
        stream.Write(new byte[1000]);
        (full ?? stream).Write(new byte[200_000]);
        (full ?? stream).Flush();
    }

    public void Dispose()
    {
        if (Mounted)
            Run("umount", "-l", _folder.Path);
        _folder.Dispose();
    }

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false; // no such program here
        }
    }
}
