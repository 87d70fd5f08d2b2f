using System.Reflection;
using OnnxMoe.Cli.Tests.Support;

namespace OnnxMoe.Cli.Tests;

public sealed class RecipesTests : IDisposable
{
    static readonly string Root = typeof(RecipesTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(data => data.Key == "RepositoryRoot").Value!;

    readonly Shell _shell = new();

    public void Dispose() => _shell.Dispose();

    [Fact]
    public void OneRecipeIsExplained()
    {
        _shell.Recipe("deepseekmoe", """
            { "Description": "a small one", "Paper": "arXiv 2401.06066", "Data": { "Tokenizer": "bytes" },
              "Model": { "Layers": 3, "HiddenSize": 32, "Heads": 2, "ContextLength": 16, "FirstDenseLayers": 1, "Experts": 6, "ExpertsPerToken": 2, "ExpertHidden": 16 } }
            """);
        Directory.CreateDirectory(Path.Combine(_shell.Models, "results"));
        File.WriteAllText(Path.Combine(_shell.Models, "results", "20-deepseekmoe.md"),
            "# X\n## Verdicts\nText.\n\n| claim | kind | difference | mean | seed 1 | verdict |\n| --- | --- | --- | --- | --- | --- |\n| Better \\| worse | primary | a minus b | +1 ± 0.5 | +1 | reproduced |\n\n## Measured\n| a | b | c | d | e | f |\n");
        Assert.Equal(0, _shell.RunReal("recipes", "deepseekmoe", "--models", _shell.Models, "--Model:SharedExperts=2", "--Reproduce:Docs", _shell.Models));
        var lines = _shell.Output.Split('\n');
        Assert.Equal("deepseekmoe: a small one", lines[0]);
        Assert.Equal("Paper: arXiv 2401.06066", lines[1]);
        Assert.Contains("  block 0: dense gated silu, hidden size 64", lines);
        Assert.Contains(lines, line => line.StartsWith("  blocks 1-2: 6 routed experts (gated silu, hidden size 16), 2 for a token, 2 shared always on", StringComparison.Ordinal));
        // 257 x 32 embedding and head; a block: 4 x 32 x 32 attention, 2 norms; dense 3 x 32 x 64; routed 6 x 32 + 8 x 3 x 32 x 16; a norm.
        var total = 2 * 257 * 32 + 3 * (4 * 32 * 32 + 64) + 3 * 32 * 64 + 2 * (6 * 32 + 8 * 3 * 32 * 16) + 32;
        Assert.Contains(FormattableString.Invariant($"  parameters: {total:N0}, of which a token meets {total - 2 * 4 * 3 * 32 * 16:N0}"), lines);
        Assert.Contains("  Model:SharedExperts     2", lines);
        Assert.DoesNotContain(lines, line => line.Contains("Description", StringComparison.Ordinal) || line.Contains("Model:KvHeads", StringComparison.Ordinal));
        Assert.Contains("  onnxmoe reproduce 20-deepseekmoe", lines);
        Assert.Contains("  reproduced: Better | worse (+1 ± 0.5)", lines);
    }

    [Fact]
    public void ASupernetIsExplainedByItsEnds()
    {
        _shell.Recipe("many", """{ "Data": { "Source": "digits", "PatchSide": 8 }, "Model": { "Backbone": "mlp" }, "Supernet": { "Space": "toy" } }""");
        Directory.CreateDirectory(Path.Combine(_shell.Models, "spaces"));
        File.WriteAllText(Path.Combine(_shell.Models, "spaces", "toy.json"), """
            {"name": "toy", "genes": [{"name": "width", "choices": [4, 8]}, {"name": "depth", "choices": [1, 2]}, {"name": "hidden", "count": 2, "choices": [3, 5], "depth": "depth"}]}
            """);
        Assert.Equal(0, _shell.RunReal("recipes", "many", "--models", _shell.Models));
        var lines = _shell.Output.Split('\n');
        Assert.Contains("  residual perceptron of width 8, hidden sizes 5 5 (silu), 64 features, 10 classes", lines);
        Assert.Contains(lines, line => line.StartsWith("  a supernet of 12 architectures", StringComparison.Ordinal));
        Assert.Contains("  smallest: parameters: 349; FLOPs of an input: 640", lines); // 65 x 4 + (4 + 5 x 3 + 4 x 4) + 4 + 5 x 10; 2 x 64 x 4 + 4 x 4 x 3 + 2 x 4 x 10
        Assert.Contains("  onnxmoe search many", lines);
    }

    [Fact]
    public void TheProjectsRecipesAndSearchSpacesAreComplete()
    {
        var models = Path.Combine(Root, "models");
        foreach (var recipe in Directory.GetFiles(Path.Combine(models, "recipes"), "*.json"))
            Assert.True(_shell.RunReal("recipes", Path.GetFileNameWithoutExtension(recipe), "--models", models) == 0, $"{recipe}: {_shell.Error}");
    }

    [Fact]
    public void AnUnknownRecipeIsAMistake()
    {
        _shell.Recipe("small", "{}");
        Assert.Equal(2, _shell.RunReal("recipes", "smal", "--models", _shell.Models));
        Assert.Contains("nearest is 'small'", _shell.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void SettingsThatDoNotGoTogetherAreAMistake()
    {
        _shell.Recipe("small", "{}");
        Assert.Equal(2, _shell.RunReal("recipes", "small", "--models", _shell.Models, "--Model:Heads=3"));
        Assert.Contains("Model:Heads is 3", _shell.Error, StringComparison.Ordinal);
    }
}
