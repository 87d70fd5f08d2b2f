using OnnxMoe.Cli.Tests.Support;

namespace OnnxMoe.Cli.Tests;

public sealed class PrecedenceTests : IDisposable
{
    readonly Shell _shell = new();
    readonly SampleVerb _verb = new();

    public void Dispose() => _shell.Dispose();

    [Fact]
    public void DefaultsAreTheInitialValues()
    {
        Assert.Equal(0, _shell.Run(_verb, "train"));
        Assert.Equal(100, _verb.Options.Steps);
        Assert.Equal([1, 2], _verb.Options.Layers);
        Assert.Equal(1, _verb.Context!.Settings.Root.Seed);
    }

    [Fact]
    public void EachSourceOverridesTheOneBefore()
    {
        _shell.Recipe("small", """{ "Trainer": { "Steps": 2, "LearningRate": 0.2, "Activation": "relu" } } // comments are fine""");
        _shell.Set("ONNXMOE__Trainer__Steps", "3").Set("ONNXMOE__Trainer__LearningRate", "0.3");
        Assert.Equal(0, _shell.Run(_verb, "train", "small", "--Trainer:Steps=4"));
        Assert.Equal(4, _verb.Options.Steps);
        Assert.Equal(0.3, _verb.Options.LearningRate);
        Assert.Equal("relu", _verb.Options.Activation);
    }

    [Theory]
    [InlineData("--Trainer:Steps=7")]
    [InlineData("--trainer:steps", "7")]
    [InlineData("--steps", "7")]
    [InlineData("--Steps=7")]
    public void TheVerbsOwnSectionNeedsNoPrefix(params string[] form)
    {
        Assert.Equal(0, _shell.Run(_verb, ["train", .. form]));
        Assert.Equal(7, _verb.Options.Steps);
    }

    [Fact]
    public void WordsMayBeJoinedByDashesAndSwitchesNeedNoValue()
    {
        Assert.Equal(0, _shell.Run(_verb, "train", "--resume", "--learning-rate", "1e-4", "--model", "mine"));
        Assert.True(_verb.Options.Resume);
        Assert.Equal(1e-4, _verb.Options.LearningRate);
        Assert.Equal("mine", _verb.Context!.Settings.Root.Name);
    }

    [Fact]
    public void ALaterListReplacesAnEarlierOneWhole()
    {
        _shell.Recipe("small", """{ "Trainer": { "Layers": [4, 5, 6, 7] } }""");
        Assert.Equal(0, _shell.Run(_verb, "train", "small"));
        Assert.Equal([4, 5, 6, 7], _verb.Options.Layers);
        Assert.Equal(0, _shell.Run(_verb, "train", "small", "--layers", "9"));
        Assert.Equal([9], _verb.Options.Layers);
    }

    [Fact]
    public void TheRecipeNamesTheModelUnlessItHasAName()
    {
        _shell.Recipe("small", "{}");
        _shell.Recipe("named", """{ "Name": "other" }""");
        _shell.Run(_verb, "train", "small");
        Assert.Equal("small", _verb.Context!.Settings.Root.Name);
        _shell.Run(_verb, "train", "named");
        Assert.Equal("other", _verb.Context!.Settings.Root.Name);
    }

    [Fact]
    public void AModelsNameFindsTheRecipeOfThatName()
    {
        _shell.Recipe("small", """{ "Trainer": { "Steps": 5 } }""");
        Assert.Equal(0, _shell.Run(_verb, "train", "--name", "small"));
        Assert.Equal(5, _verb.Options.Steps);
    }

    [Fact]
    public void TheResolvedSettingsAreARecipeThatSaysTheSame()
    {
        _shell.Recipe("small", """{ "Trainer": { "Layers": [3], "Activation": "RELU" } }""");
        _shell.Run(_verb, "train", "small", "--steps", "8");
        _shell.Recipe("again", _verb.Context!.Settings.ToJson("Trainer").ToJsonString());
        var again = new SampleVerb();
        Assert.Equal(0, _shell.Run(again, "train", "again"));
        Assert.Equal(8, again.Options.Steps);
        Assert.Equal([3], again.Options.Layers);
        Assert.Equal("relu", again.Options.Activation);
        Assert.Equal("small", again.Context!.Settings.Root.Name);
    }
}
