using System.Net.Http.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.EndToEnd.Tests.Support;

namespace OnnxMoe.EndToEnd.Tests;

/// <summary>A dense model, its experts with a router before them, both exported, and a completion through both.</summary>
public sealed class PreGatedChainTests : IDisposable
{
    private const string Dense = """
        { "Name": "whole", "Data": { "Source": "TEXTS", "Tokenizer": "bytes" },
          "Model": { "Layers": 2, "HiddenSize": 32, "Heads": 4, "ContextLength": 64, "FirstDenseLayers": 2, "DenseHidden": 64 },
          "Trainer": { "Steps": 6, "BatchSize": 4, "SequenceLength": 32, "EvaluationTokens": 2048 } }
        """;

    private const string Cut = """
        { "Name": "cut", "Data": { "Source": "TEXTS", "Tokenizer": "bytes" }, "Start": { "From": "whole", "Convert": "read-me" },
          "Model": { "Layers": 2, "HiddenSize": 32, "Heads": 4, "ContextLength": 64, "Experts": 2, "ExpertsPerToken": 1, "SharedExperts": 0, "PreGate": { "Layers": 1, "HiddenSize": 16 } },
          "Trainer": { "Steps": 12, "BatchSize": 4, "SequenceLength": 32, "EvaluationTokens": 2048, "Alternation": { "RouterSteps": 3, "BackboneSteps": 3 } } }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("onnxmoe-pre-gated-").FullName;

    [Fact]
    public async Task ACompletionGoesThroughTheRouterAndTheModel()
    {
        var texts = WriteTexts();
        var recipes = Directory.CreateDirectory(Path.Combine(_folder, "models", "recipes")).FullName;
        foreach (var (name, recipe) in new[] { ("whole", Dense), ("cut", Cut) })
            File.WriteAllText(Path.Combine(recipes, $"{name}.json"), recipe.Replace("TEXTS", texts, StringComparison.Ordinal));
        string[] models = ["--models", Path.Combine(_folder, "models")];
        Assert.Contains("Initial weights from whole (read-me)", Command.RunWell(["train", "cut", .. models, $"--Data:Folder={_folder}"]));
        Assert.Contains("prefill/router", Command.RunWell(["export", "cut", .. models, "--target", "onnxmoe,onnxruntime"]));

        foreach (var file in new[] { "model.onnx", "model.onnxruntime.onnx" })
        {
            using var server = new Server(["cut", .. models, "--file", file, "--Serve:Trace=on", "--Serve:ExpertSlots=1", "--Serve:ExpertPolicy=belady"]);
            var response = await server.Client.PostAsJsonAsync("/v1/completions", new { prompt = "let the people", max_tokens = 9, temperature = 0 });
            Assert.Equal(9, (int)(await response.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonNode>())!["usage"]!["completion_tokens"]!);
            Assert.Contains("expert_cache_misses_total", await server.Client.GetStringAsync("/metrics"));
            Assert.Equal(0, server.Terminate());
        }
        var trace = RoutingTrace.Load(Path.Combine(_folder, "models", "cut", "trace-serve.bin"));
        Assert.True(trace.Tokens >= 2 * 22, $"{trace.Tokens} tokens");
        Assert.Equal(trace.Ids(0).ToArray(), trace.Ids(1).ToArray());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string WriteTexts()
    {
        var random = new Random(1);
        var folders = new List<string>();
        foreach (var (name, words) in new[] { ("prose", "the state of our union is strong and the people are free"), ("code", "let x = 0; while (true) { return y[x++]; }") })
        {
            folders.Add(Directory.CreateDirectory(Path.Combine(_folder, name)).FullName);
            var vocabulary = words.Split(' ');
            for (var document = 0; document < 10; document++)
                File.WriteAllText(Path.Combine(folders[^1], $"{document}.txt"), string.Join(' ', Enumerable.Range(0, 2000).Select(_ => vocabulary[random.Next(vocabulary.Length)])));
        }
        return string.Join(',', folders);
    }
}
