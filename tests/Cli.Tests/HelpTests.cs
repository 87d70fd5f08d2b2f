using OnnxMoe.Cli.Settings;
using OnnxMoe.Cli.Tests.Support;
using OnnxMoe.Cli.Verbs;

namespace OnnxMoe.Cli.Tests;

public sealed class HelpTests : IDisposable
{
    readonly Shell _shell = new();

    public void Dispose() => _shell.Dispose();

    [Fact]
    public void OfOneVerb()
    {
        Assert.Equal(0, _shell.Run(new SampleVerb(), "train", "--help"));
        Assert.EndsWith("""
            On this verb's command line --name stands for --Trainer:Name.
            --model stands for --Name.

            Settings at the root (key, default, meaning)
              Name         none    Name of the model: its folder in Models; unless given, the recipe's name
              Description  none    What the recipe is for, in one line
              Paper        none    The paper that the recipe follows, for example arXiv 2401.06066
              Seed         1       Seed of everything random: initial weights, data order, sampling [at least 0]
              Models       models  Folder that holds the models, and in recipes/ the recipes

            Settings of Trainer (key, default, meaning)
              Trainer:Steps         100    Optimizer steps [steps; from 1 to 1000]
              Trainer:LearningRate  0.001  Step size [at least 0]
              Trainer:Activation    gelu   Activation [relu | gelu]
              Trainer:Resume        false  Go on from the last checkpoint
              Trainer:Folder        none   Where to write
              Trainer:Layers        1,2    Blocks with experts [at least 0]

            """, _shell.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("help")]
    [InlineData("--help")]
    [InlineData("-h")]
    public void ListsEveryVerbAndEverySetting(string word)
    {
        Assert.Equal(0, _shell.RunReal(word));
        var lines = _shell.Output.Split('\n');
        Assert.All(VerbList.All, verb => Assert.Contains(lines, l => l.StartsWith($"  {verb.Usage} ", StringComparison.Ordinal)));
        Assert.All(SettingCatalog.Default.All, setting => Assert.Contains(lines, l => l.StartsWith($"  {setting.Key} ", StringComparison.Ordinal)));
        Assert.DoesNotContain(lines, l => l.Length > 120);
    }

    [Fact]
    public void EveryVerbHasItsPage()
    {
        foreach (var verb in VerbList.All)
        {
            Assert.Equal(0, _shell.RunReal(verb.Name, "--help"));
            Assert.Contains($"onnxmoe {verb.Name}: {verb.Summary}", _shell.Output, StringComparison.Ordinal);
            Assert.Equal(0, _shell.RunReal("help", verb.Name));
        }
        Assert.Equal("", _shell.Error);
    }

    [Fact]
    public void EverySettingHasAMeaningAndADefaultInItsRange()
    {
        Assert.All(SettingCatalog.Default.All, setting =>
        {
            Assert.NotEmpty(setting.Attribute.Meaning);
            Assert.NotEqual(typeof(object), setting.ScalarType);
            if (setting.Default is { } value and not "" and not Array)
                SettingText.Parse(setting, SettingText.Format(value), "the default");
        });
    }

    [Fact]
    public void RecipesAreListedWithTheirDescriptions()
    {
        _shell.Recipe("small", """{ "Description": "a small one" }""");
        _shell.Recipe("larger", "{}");
        Assert.Equal(0, _shell.RunReal("recipes", "--models", _shell.Models));
        Assert.Equal("larger\nsmall   a small one\n", _shell.Output);
    }

    [Fact]
    public void AStageToComeSaysSoInOneLine()
    {
        Assert.Equal(2, _shell.RunReal("compress", "demo"));
        Assert.Equal("onnxmoe: The stage 'compress' does not exist yet; 'onnxmoe help' lists those that do.\n", _shell.Error);
    }
}
