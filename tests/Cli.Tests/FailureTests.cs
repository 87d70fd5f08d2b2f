using OnnxMoe.Artifacts;
using OnnxMoe.Cli.Tests.Support;

namespace OnnxMoe.Cli.Tests;

public sealed class FailureTests : IDisposable
{
    readonly Shell _shell = new();

    public void Dispose() => _shell.Dispose();

    [Fact]
    public void AUsersMistakeIsItsSentenceAlone()
    {
        Assert.Equal(2, _shell.Run(new SampleVerb(new UserError("The cluster has no GPUs.")), "train"));
        Assert.Equal("onnxmoe: The cluster has no GPUs.\n", _shell.Error);
    }

    [Fact]
    public void AFullDiskIsNoBug()
    {
        Assert.Equal(1, _shell.Run(new SampleVerb(new IOException("The disk is full.")), "train"));
        Assert.Equal("onnxmoe: The disk is full.\n", _shell.Error);
    }

    [Fact]
    public void AnythingElseIsABugWithoutAStackTrace()
    {
        Assert.Equal(1, _shell.Run(new SampleVerb(new InvalidOperationException("Oh.")), "train"));
        Assert.Equal("onnxmoe: InvalidOperationException: Oh.\nThis is a bug of ours; set ONNXMOE_DEBUG=1 for the stack trace.\n", _shell.Error);
    }

    [Fact]
    public void DebugShowsTheStackTrace()
    {
        _shell.Set("ONNXMOE_DEBUG", "1");
        Assert.Equal(1, _shell.Run(new SampleVerb(new InvalidOperationException("Oh.")), "train"));
        Assert.Contains("System.InvalidOperationException: Oh.", _shell.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void AStoppedVerbEndsAsAShellExpects()
    {
        _shell.Stop.Cancel();
        Assert.Equal(130, _shell.Run(new SampleVerb(new OperationCanceledException()), "train"));
        Assert.Equal("onnxmoe: stopped.\n", _shell.Error);
    }
}
