using OnnxMoe.Cli.Tests.Support;

namespace OnnxMoe.Cli.Tests;

/// <summary>Every mistake ends with exit code 2 and one line that says what, where and what would be right.</summary>
public sealed class MistakeTests : IDisposable
{
    readonly Shell _shell = new();

    public void Dispose() => _shell.Dispose();

    [Theory]
    [InlineData("--Trainer:Stepz=4", "'Trainer:Stepz'", "command line", "'Trainer:Steps'")]
    [InlineData("--stesp=4", "'stesp'", "command line", "'Trainer:Steps'")]
    [InlineData("--Data:LearningRat=4", "'Data:LearningRat'", "command line", "'Trainer:LearningRate'")]
    [InlineData("--sead=4", "'sead'", "command line", "'Seed'")]
    [InlineData("--NotASetting=4", "'NotASetting'", "command line", "the nearest")]
    [InlineData("--steps=ten", "Trainer:Steps must be a whole number from 1 to 1000 (steps)", "command line", "'ten'")]
    [InlineData("--steps=1.5", "Trainer:Steps must be a whole number", "command line", "'1.5'")]
    [InlineData("--steps=0", "Trainer:Steps must be a whole number from 1 to 1000", "command line", "'0'")]
    [InlineData("--learning-rate=-1", "Trainer:LearningRate must be a number of at least 0", "command line", "'-1'")]
    [InlineData("--learning-rate=nan", "Trainer:LearningRate must be a number", "command line", "'nan'")]
    [InlineData("--activation=silu", "Trainer:Activation must be one of relu, gelu", "command line", "'silu'")]
    [InlineData("--resume=maybe", "Trainer:Resume must be true or false", "command line", "'maybe'")]
    [InlineData("--layers=1,x", "Trainer:Layers must be a list, each of it a whole number", "command line", "'x'")]
    [InlineData("--Trainer=4", "Trainer is a section", "command line", "'4'")]
    [InlineData("--Trainer:Steps:More=4", "Trainer:Steps must be a whole number", "command line", "a section")]
    public void OnTheCommandLine(string argument, params string[] expected) => Check(["train", argument], expected);

    [Theory]
    [InlineData("""{ "Trainer": { "Stepz": 4 } }""", "'Trainer:Stepz'", "bad.json", "'Trainer:Steps'")]
    [InlineData("""{ "Trainr": { "Steps": 4 } }""", "'Trainr:Steps'", "bad.json", "'Trainer:Steps'")]
    [InlineData("""{ "Trainr": {} }""", "'Trainr'", "bad.json", "the nearest")]
    [InlineData("""{ "Trainer": { "Steps": "4" } }""", "Trainer:Steps must be a whole number", "bad.json", "a string")]
    [InlineData("""{ "Trainer": { "Steps": null } }""", "Trainer:Steps must be a whole number", "bad.json", "null")]
    [InlineData("""{ "Trainer": { "Steps": { "Many": 4 } } }""", "Trainer:Steps must be a whole number", "bad.json", "a section")]
    [InlineData("""{ "Trainer": { "Steps": [4] } }""", "Trainer:Steps must be a whole number", "bad.json", "a list")]
    [InlineData("""{ "Trainer": { "Layers": 4 } }""", "Trainer:Layers must be a list", "bad.json", "a number")]
    [InlineData("""{ "Trainer": { "Layers": [4, "5"] } }""", "Trainer:Layers must be a list", "bad.json", "a string")]
    [InlineData("""{ "Trainer": { "Resume": 1 } }""", "Trainer:Resume must be true or false", "bad.json", "a number")]
    [InlineData("""{ "Trainer": { "Activation": true } }""", "Trainer:Activation must be one of relu, gelu", "bad.json", "true or false")]
    [InlineData("""{ "Trainer": 4 }""", "Trainer is a section", "bad.json", "'4'")]
    [InlineData("""{ "Seed": 1, "seed": 2 }""", "bad.json", "'seed' twice")]
    [InlineData("""{ "Seed": 1 """, "bad.json", "not valid JSON", "line 1")]
    [InlineData("[]", "bad.json", "must be a JSON object")]
    public void InTheRecipe(string json, params string[] expected)
    {
        _shell.Recipe("bad", json);
        Check(["train", "bad"], expected);
    }

    [Fact]
    public void InTheEnvironment()
    {
        _shell.Set("ONNXMOE__Trainer__Step", "4");
        Check(["train"], ["'Trainer:Step'", "ONNXMOE__Trainer__Step", "'Trainer:Steps'"]);
    }

    [Fact]
    public void AValueThatALaterSourceReplacesMustBeRightToo()
    {
        _shell.Recipe("bad", """{ "Trainer": { "Steps": -3 } }""");
        Check(["train", "bad", "--steps=4"], ["Trainer:Steps must be", "bad.json", "'-3'"]);
    }

    [Theory]
    [InlineData(new[] { "train", "smal" }, "no recipe 'smal'", "'small'")]
    [InlineData(new[] { "train", "./nowhere.json" }, "no recipe './nowhere.json'", "'small'")]
    [InlineData(new[] { "train", "small", "large" }, "'large'", "usage: onnxmoe train RECIPE")]
    [InlineData(new[] { "train", "--steps" }, "--steps needs a value")]
    [InlineData(new[] { "train", "-x" }, "'-x'", "two dashes")]
    [InlineData(new[] { "trian" }, "no verb 'trian'", "'train'")]
    public void InTheCallItself(string[] args, params string[] expected)
    {
        _shell.Recipe("small", "{}");
        Check(args, expected);
    }

    void Check(string[] args, string[] expected)
    {
        Assert.Equal(2, _shell.Run(new SampleVerb(), args));
        Assert.Equal("", _shell.Output);
        Assert.Single(_shell.Error.TrimEnd('\n').Split('\n'));
        foreach (var part in expected)
            Assert.Contains(part, _shell.Error, StringComparison.Ordinal);
    }
}
