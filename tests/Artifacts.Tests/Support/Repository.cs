namespace OnnxMoe.Artifacts.Tests.Support;

/// <summary>Files of the repository that tests need: those that set-up fetched from npm.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>A file of an npm package in eng/npm.</summary>
    public static string NodeModule(string path)
    {
        var file = Path.Combine(Root, "eng/npm/node_modules", path);
        Assert.True(File.Exists(file), $"{file} is missing: run 'make setup'.");
        return file;
    }

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "OnnxMoe.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests do not run inside of the repository.");
        return folder;
    }
}
