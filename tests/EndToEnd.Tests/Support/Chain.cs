namespace OnnxMoe.EndToEnd.Tests.Support;

/// <summary>The recipe <c>tiny</c> through all stages, once for all tests, on a few of the addresses.</summary>
public sealed class Chain : IDisposable
{
    readonly Lazy<Server> _server;
    readonly string _folder = Directory.CreateTempSubdirectory("onnxmoe-chain-").FullName;

    public Chain()
    {
        _server = new Lazy<Server>(() => new Server(With("tiny")));
        Directory.CreateDirectory(Path.Combine(Models, "recipes"));
        File.Copy(Repository.File("models", "recipes", "tiny.json"), Path.Combine(Models, "recipes", "tiny.json"));
        var texts = Directory.CreateDirectory(Path.Combine(_folder, "texts")).FullName;
        foreach (var text in Directory.EnumerateFiles(Repository.File("data", "raw", "sotu"), "18*.txt").Order(StringComparer.Ordinal).Take(30))
            File.Copy(text, Path.Combine(texts, Path.GetFileName(text)));

        Data = [$"--Data:Source={texts}", $"--Data:Folder={_folder}"];
        TrainingLog = Command.RunWell([.. With("train", "tiny"), .. Data]);
        ExportLog = Command.RunWell([.. With("export", "tiny"), "--target", "onnxmoe,onnx,onnxruntime"]);
        PlacementLog = Command.RunWell([.. With("place", "tiny"), "--cluster", Repository.File("models", "clusters", "one-node.json")]);
    }

    public string Models => Path.Combine(_folder, "models");

    public string Model => Path.Combine(Models, "tiny");

    /// <summary>A server of the model, started when the first test asks for it.</summary>
    public Server Server => _server.Value;

    /// <summary>The settings of the text.</summary>
    public string[] Data { get; }

    public string TrainingLog { get; }

    public string ExportLog { get; }

    public string PlacementLog { get; }

    /// <summary>The arguments, and the models folder of this chain.</summary>
    public string[] With(params string[] args) => [.. args, "--models", Models];

    /// <summary>A copy of the model under another name, to be damaged.</summary>
    public string CopyAs(string name)
    {
        var copy = Path.Combine(Models, name);
        foreach (var file in Directory.EnumerateFiles(Model))
        {
            Directory.CreateDirectory(copy);
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }
        return copy;
    }

    public void Dispose()
    {
        if (_server.IsValueCreated)
            _server.Value.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
