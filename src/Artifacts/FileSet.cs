namespace OnnxMoe.Artifacts;

/// <summary>
/// Files that belong together (an ONNX file, its external data, the manifest): written into a hidden folder inside the target
/// folder, then published by renaming each, the manifest last, so that what the manifest describes is always there.
/// Disposing without <see cref="Publish"/> removes everything and leaves the target as it was.
/// </summary>
public sealed class FileSet : IDisposable
{
    private const string StagingPrefix = ".staging-";
    private static int s_counter;
    private readonly string _folder;

    /// <param name="folder">The target folder; made if needed.</param>
    /// <exception cref="UserError">The folder may not be written.</exception>
    public FileSet(string folder)
    {
        _folder = Path.GetFullPath(folder);
        Staging = Path.Combine(_folder, $"{StagingPrefix}{Environment.ProcessId}.{Interlocked.Increment(ref s_counter)}");
        try
        {
            Directory.CreateDirectory(_folder);
            RemoveAbandoned();
            Directory.CreateDirectory(Staging);
        }
        catch (Exception problem) when (WriteFailure.Explain(folder, problem) is { } explained)
        {
            throw explained;
        }
    }

    /// <summary>The folder to write into; its content (files only) is what will be published.</summary>
    public string Staging { get; }

    /// <summary>Where to write the file that will be called <paramref name="name"/>.</summary>
    public string PathOf(string name) => Path.Combine(Staging, name);

    /// <summary>Flushes all files to the disk and moves them to the target folder, <c>manifest.json</c> last.</summary>
    /// <exception cref="UserError">The disk is full; the target is unchanged.</exception>
    public void Publish()
    {
        var files = Directory.GetFiles(Staging).OrderBy(file => Path.GetFileName(file) == ModelManifest.FileName).ThenBy(file => file, StringComparer.Ordinal).ToArray();
        try
        {
            foreach (var file in files)
            {
                using var handle = File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite);
                RandomAccess.FlushToDisk(handle);
            }
        }
        catch (IOException problem) when (WriteFailure.Explain(_folder, problem) is { } explained)
        {
            throw explained;
        }
        foreach (var file in files)
            File.Move(file, Path.Combine(_folder, Path.GetFileName(file)), overwrite: true);
        Directory.Delete(Staging, recursive: true);
    }

    public void Dispose()
    {
        if (Directory.Exists(Staging))
            Directory.Delete(Staging, recursive: true);
    }

    /// <summary>Removes what killed writers left.</summary>
    private void RemoveAbandoned()
    {
        foreach (var staging in Directory.EnumerateDirectories(_folder, StagingPrefix + "*"))
        {
            var process = Path.GetFileName(staging)[StagingPrefix.Length..].Split('.')[0];
            if (AtomicFile.WriterIsGone(process, Directory.GetLastWriteTimeUtc(staging)))
                Directory.Delete(staging, recursive: true);
        }
    }
}
