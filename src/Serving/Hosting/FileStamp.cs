namespace OnnxMoe.Serving.Hosting;

/// <summary>By what a changed file is told from the old one, also where no notice comes: volumes of containers, network drives.</summary>
/// <param name="Written">When it was written last; a date long ago when there is no file.</param>
/// <param name="Length">Its bytes; -1 when there is no file.</param>
internal readonly record struct FileStamp(DateTime Written, long Length)
{
    /// <summary>The stamp of a file as it is now; a link is followed.</summary>
    public static FileStamp Of(string path)
    {
        var file = new FileInfo(path);
        if (file.Exists && file.ResolveLinkTarget(returnFinalTarget: true) is FileInfo target)
            file = target;
        return file.Exists ? new(file.LastWriteTimeUtc, file.Length) : new(default, -1);
    }
}
