namespace OnnxMoe.Trainer.Tests.Data;

/// <summary>The data that set-up fetched.</summary>
internal static class FetchedData
{
    public static string Folder { get; } = FindFolder();

    private static string FindFolder()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "OnnxMoe.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests do not run inside of the repository.");
        return Path.Combine(folder, "data");
    }
}
