using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Experts;

/// <summary>The recipe's section Model:ZeroComputation: experts beside the Model:Experts feed-forward ones that a token may pick at next to no cost.</summary>
public sealed class ZeroComputationOptions
{
    [Setting("Constant experts: a mixture of the token and a learned vector", Min = 0)]
    public int Constant { get; set; }

    [Setting("Copy experts: the token itself", Min = 0)]
    public int Copy { get; set; }

    [Setting("Zero (null) experts: nothing", Min = 0)]
    public int Zero { get; set; }

    /// <summary>The table of a layer: feed-forward, constant, copy, zero.</summary>
    /// <param name="ffn">Number of feed-forward experts.</param>
    public ExpertKinds Kinds(int ffn) => new(
    [
        .. Enumerable.Repeat(ExpertKind.Ffn, ffn),
        .. Enumerable.Repeat(ExpertKind.Constant, Constant),
        .. Enumerable.Repeat(ExpertKind.Copy, Copy),
        .. Enumerable.Repeat(ExpertKind.Zero, Zero),
    ]);
}
