using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Tests.Routers;

/// <summary>A score head that gives what a test wants, whatever the tokens are.</summary>
/// <param name="logits">[T, N]</param>
internal sealed class FixedScores(Value logits) : ScoreHead(new LayerScope(1))
{
    public override Value Score(Value x, ForwardContext context) => logits;

    public static FixedScores Of(OpSet ops, params float[][] rows) => new(ops.Constant(HostTensor.From(rows.SelectMany(row => row).ToArray(), rows.Length, rows[0].Length)));
}
