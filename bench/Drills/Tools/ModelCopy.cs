namespace OnnxMoe.Drills.Tools;

/// <summary>A copy of a model folder, to be damaged.</summary>
internal sealed class ModelCopy : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("onnxmoe-drill-").FullName;

    public ModelCopy(string model)
    {
        Folder = Directory.CreateDirectory(Path.Combine(_root, Path.GetFileName(model))).FullName;
        foreach (var file in Directory.EnumerateFiles(model))
            File.Copy(file, this[Path.GetFileName(file)]);
    }

    public string Folder { get; }

    /// <summary>A file of it.</summary>
    public string this[string name] => Path.Combine(Folder, name);

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
