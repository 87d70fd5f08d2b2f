namespace OnnxMoe.Placement.Tests.Support;

/// <summary>A folder of one test's own, removed at its end.</summary>
sealed class TemporaryFolder : IDisposable
{
    readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("onnxmoe-placement-");

    public string this[string file] => Path.Combine(_folder.FullName, file);

    public void Dispose() => _folder.Delete(recursive: true);
}
