using System.Text.Json;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Exporter.Tests;

public sealed class HeldOutTextTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void EachDomainGivesAnEqualPartOfItsTestText()
    {
        foreach (var (name, letter) in ((string, char)[])[("one", 'a'), ("two", 'b'), ("three", 'c')])
        {
            Directory.CreateDirectory(_folder[name]);
            for (var i = 0; i < 3; i++)
                File.WriteAllText(Path.Combine(_folder[name], $"{i}.txt"), new string(letter, 100));
        }
        var data = new DataOptions { Source = $"{_folder["one"]},{_folder["two"]},{_folder["three"]}", Tokenizer = "bytes" };
        var tokens = HeldOutText.Load(_folder[""], Manifest(data), file: "", count: 8, TextWriter.Null);
        Assert.Equal("aaabbbcc", new string([.. tokens.Select(token => (char)token)]));
        data.Source = _folder["two"];
        Assert.Equal("bbbbbbbb", new string([.. HeldOutText.Load(_folder[""], Manifest(data), file: "", count: 8, TextWriter.Null).Select(token => (char)token)]));
    }

    private static ModelManifest Manifest(DataOptions data) =>
        new(ModelManifest.CurrentFormat, "tiny", ModelManifest.CausalLanguageModel, default, new ParameterCount(1, 1))
        {
            Recipe = new() { ["Data"] = JsonSerializer.SerializeToNode(data) },
            LanguageModel = new LanguageModelSizes(257, 16, 1, 8, 1, 1, 8, ByteTokenizer.Name, 256),
        };
}
