using OnnxMoe.Cli.Settings;
using OnnxMoe.Cli.Tests.Support;
using OnnxMoe.Cli.Verbs;

namespace OnnxMoe.Cli.Tests;

public sealed class CompareTests : IDisposable
{
    readonly Shell _shell = new();

    public void Dispose() => _shell.Dispose();

    [Fact]
    public void AVerbWhoseArgumentIsAListTakesSeveral()
    {
        var arguments = Arguments.Parse(["a", "--steps", "10", "b", "./c.json"], new CompareVerb(), SettingCatalog.Default);
        Assert.Equal(["--Compare:Steps=10", "--Compare:Recipes=a,b,./c.json"], arguments.Settings);
    }

    [Theory]
    [InlineData("needs recipes")]
    [InlineData("no recipe 'nothing'", "small", "nothing")]
    [InlineData("The recipe small is named twice", "small", "small")]
    [InlineData("is not a model folder", "small", "--Start:From", "absent", "--Data:Source", "{models}/text.txt", "--Data:Folder", "{models}/data", "--Data:Tokenizer", "bytes", "--Model:ContextLength", "8")]
    [InlineData("is a classifier (Model:Backbone=mlp); onnxmoe compare compares language models", "small", "--Model:Backbone", "mlp", "--steps", "2")]
    [InlineData("give one of them", "small", "--steps", "3", "--tokens", "4")]
    public void Mistakes(string expected, params string[] args)
    {
        _shell.Recipe("small", "{}");
        File.WriteAllText(Path.Combine(_shell.Models, "text.txt"), string.Concat(Enumerable.Repeat("One more line of text.\n\n", 200)));
        Assert.Equal(2, _shell.RunReal(["compare", .. args.Select(arg => arg.Replace("{models}", _shell.Models, StringComparison.Ordinal)), "--models", _shell.Models, "--output", Path.Combine(_shell.Models, "out")]));
        Assert.Contains(expected, _shell.Error, StringComparison.Ordinal);
        Assert.Single(_shell.Error.TrimEnd().Split('\n'));
    }
}
