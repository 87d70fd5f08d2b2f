namespace OnnxMoe.EndToEnd.Tests.Support;

/// <summary>Finds the repository that the tests were built in.</summary>
public static class Repository
{
    public static string Root { get; } = Find();

    public static string File(params string[] parts) => Path.Combine([Root, .. parts]);

    static string Find()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (System.IO.File.Exists(Path.Combine(folder, "OnnxMoe.sln")))
                return folder;
        }
        throw new DirectoryNotFoundException("OnnxMoe.sln is in no folder above the tests.");
    }
}
