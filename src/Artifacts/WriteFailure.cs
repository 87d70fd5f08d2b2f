namespace OnnxMoe.Artifacts;

/// <summary>Turns the operating system's reasons for a failed write into one sentence.</summary>
public static class WriteFailure
{
    // errno values of Linux, which .NET puts into IOException.HResult
    private const int FileTooBig = 27, NoSpace = 28, ReadOnly = 30, QuotaExceeded = 122;

    /// <summary>The error to report for <paramref name="problem"/>, or null when it says nothing about the disk.</summary>
    public static UserError? Explain(string path, Exception problem) =>
        Reason(problem) is { } reason ? new UserError($"Cannot write {path}: {reason} (nothing was changed).", problem) : null;

    private static string? Reason(Exception problem) => problem switch
    {
        IOException { HResult: NoSpace } => "the disk is full, so free some space or choose another folder",
        IOException { HResult: QuotaExceeded } => "your disk quota is used up, so free some space or choose another folder",
        IOException { HResult: FileTooBig } => "the file would be larger than this file system or 'ulimit -f' allows",
        IOException { HResult: ReadOnly } => "the file system is read-only, so choose another folder",
        UnauthorizedAccessException => "permission is denied, so choose a folder you may write to",
        _ => null,
    };
}
