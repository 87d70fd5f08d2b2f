using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Tests.Data;

/// <summary>A folder with a few texts and a cache, gone after the test.</summary>
public sealed class CorpusFolder : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("onnxmoe-test-").FullName;

    public string Texts => Directory.CreateDirectory(Path.Combine(_path, "texts")).FullName;

    public string Cache => Path.Combine(_path, "data", "cache");

    public DataOptions Options => new() { Source = Texts, Folder = Path.Combine(_path, "data"), VocabularySize = 300 };

    public CorpusFolder Add(string name, string text)
    {
        var path = Path.Combine(Texts, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return this;
    }

    /// <summary>Ten documents of a few hundred words.</summary>
    public CorpusFolder AddTen()
    {
        for (var i = 0; i < 10; i++)
        {
            var random = new Random(i);
            Add($"doc{i}.txt", $"Document {i}. " + string.Join(' ', Enumerable.Range(0, 300).Select(_ => (string[])["the", "people", "of", "this", "nation", "law"]).Select(words => words[random.Next(words.Length)])));
        }
        return this;
    }

    public void Dispose() => Directory.Delete(_path, recursive: true);
}
