using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments.Tests.Support;

/// <summary>An arm that computes a number from the seed and counts how often it ran.</summary>
internal sealed class CountedArm(string name, Func<long, double> loss, string settings = "as ever") : Arm(name, "a number")
{
    public List<long> Ran { get; } = [];

    public override int Steps => 10;

    public override string Fingerprint(long seed, DataOptions data) => $"{settings} {seed}";

    public override void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        cancel.ThrowIfCancellationRequested();
        Ran.Add(seed);
        result[TinyArm.ValidationLoss] = loss(seed);
        result.Series["loss"] = [1, loss(seed)];
        progress(Steps);
    }
}
