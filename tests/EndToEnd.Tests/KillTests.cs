using OnnxMoe.EndToEnd.Tests.Support;

namespace OnnxMoe.EndToEnd.Tests;

/// <summary>Training under SIGKILL.</summary>
[Collection(ChainCollection.Name)]
public sealed class KillTests(Chain chain)
{
    [Fact]
    public void ARunKilledTwiceEndsWithTheSameWeightsBitForBit()
    {
        string[] train = [.. chain.With("train", "tiny"), .. chain.Data, "--name", "killed", "--checkpoint-every", "3"];
        KillAfter(7, train);
        KillAfter(20, train);
        Assert.Contains("Going on from the checkpoint at step", Command.RunWell(train), StringComparison.Ordinal);

        Assert.Equal(File.ReadAllBytes(Path.Combine(chain.Model, "weights.safetensors")),
            File.ReadAllBytes(Path.Combine(chain.Models, "killed", "weights.safetensors")));
        Assert.Equal(Losses("tiny"), Losses("killed"));
    }

    /// <summary>Starts the command and kills it as soon as it has written that many lines of metrics.</summary>
    private void KillAfter(int lines, string[] train)
    {
        using var process = Command.Start(train);
        _ = process.StandardOutput.ReadToEndAsync();
        _ = process.StandardError.ReadToEndAsync();
        var metrics = Path.Combine(chain.Models, "killed", "metrics.jsonl");
        while (!process.HasExited && !(File.Exists(metrics) && File.ReadLines(metrics).Count() >= lines))
            process.WaitForExit(TimeSpan.FromMilliseconds(1));
        Assert.False(process.HasExited);
        process.Kill();
        process.WaitForExit();
    }

    /// <summary>Everything but the speed, which is the only thing that may differ.</summary>
    private IEnumerable<string> Losses(string model) =>
        File.ReadLines(Path.Combine(chain.Models, model, "metrics.jsonl")).Select(line => line.Split("\"tokens_per_second\"")[0]);
}
