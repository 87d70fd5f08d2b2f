using OnnxMoe.Cli.Tests.Support;

namespace OnnxMoe.Cli.Tests;

public sealed class ReproduceTests : IDisposable
{
    readonly Shell _shell = new();

    public void Dispose() => _shell.Dispose();

    [Theory]
    [InlineData("There is no experiment 'nothing'; there are: ", "nothing")]
    [InlineData("onnxmoe reproduce needs the name of a system; there are: ")]
    public void WithoutAKnownSystemItListsThem(string expected, params string[] system)
    {
        Assert.Equal(2, _shell.RunReal(["reproduce", .. system, "--models", _shell.Models]));
        Assert.StartsWith($"onnxmoe: {expected}", _shell.Error, StringComparison.Ordinal);
        Assert.Contains("20-deepseekmoe", _shell.Error, StringComparison.Ordinal);
        Assert.Single(_shell.Error.TrimEnd().Split('\n'));
    }

    [Fact]
    public void ItsHelpNamesEveryExperiment()
    {
        Assert.Equal(0, _shell.RunReal("reproduce", "--help"));
        Assert.All(Experiments.ExperimentList.All, experiment => Assert.Contains($"onnxmoe reproduce {experiment.Name}", _shell.Output, StringComparison.Ordinal));
    }
}
