using System.Text;

namespace OnnxMoe.Artifacts;

/// <summary>
/// Writes files so that a reader sees the old file or the whole new one, never a part: the bytes go to a hidden temporary
/// name in the same folder, are flushed to the disk, and the file is renamed. A failure removes the temporary file and
/// leaves the old file as it was.
/// </summary>
public static class AtomicFile
{
    private const string TemporaryExtension = ".tmp";
    private static int s_counter;

    /// <summary>Writes <paramref name="path"/> with what <paramref name="write"/> puts into the stream; makes the folder if needed.</summary>
    /// <exception cref="UserError">The disk is full or the folder may not be written; nothing is left behind.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var target = Path.GetFullPath(path);
        var folder = Path.GetDirectoryName(target) ?? throw new UserError($"Cannot write {path}: it is not the name of a file.");
        string? temporary = null;
        FileStream? stream = null;
        try
        {
            Directory.CreateDirectory(folder);
            RemoveAbandoned(folder, Path.GetFileName(target));
            temporary = Path.Combine(folder, $".{Path.GetFileName(target)}.{Environment.ProcessId}.{Interlocked.Increment(ref s_counter)}{TemporaryExtension}");
            stream = new FileStream(temporary, FileMode.Create, FileAccess.ReadWrite, FileShare.None, 1 << 16);
            write(stream);
            stream.Flush(flushToDisk: true);
            stream.Dispose();
            File.Move(temporary, target, overwrite: true);
        }
        catch (Exception problem)
        {
            Discard(stream, temporary);
            if (WriteFailure.Explain(path, problem) is { } explained)
                throw explained;
            throw;
        }
    }

    /// <summary>Writes UTF-8 text without a byte order mark.</summary>
    /// <inheritdoc cref="Write"/>
    public static void WriteText(string path, string text) => Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(text)));

    /// <summary>Writes indented camelCase JSON (see <see cref="JsonFile.Options"/>) with a final newline.</summary>
    /// <inheritdoc cref="Write"/>
    public static void WriteJson<T>(string path, T value) => WriteText(path, JsonFile.ToText(value));

    private static void Discard(FileStream? stream, string? temporary)
    {
        try
        {
            stream?.Dispose(); // flushes what is buffered, which fails again when the disk is full
        }
        catch (IOException)
        {
        }
        if (temporary != null)
            File.Delete(temporary);
    }

    /// <summary>Removes the temporary files of writers of the same file that were killed.</summary>
    private static void RemoveAbandoned(string folder, string name)
    {
        var prefix = $".{name}.";
        foreach (var file in Directory.EnumerateFiles(folder, prefix + "*" + TemporaryExtension))
        {
            var process = Path.GetFileName(file)[prefix.Length..].Split('.')[0];
            if (WriterIsGone(process, File.GetLastWriteTimeUtc(file)))
                File.Delete(file);
        }
    }

    /// <summary>True when no process has that id, and, as the id may be of another container, nothing was written for a minute.</summary>
    internal static bool WriterIsGone(string processId, DateTime lastWrite) =>
        int.TryParse(processId, out var id) && !Directory.Exists($"/proc/{id}") && DateTime.UtcNow - lastWrite > TimeSpan.FromMinutes(1);
}
