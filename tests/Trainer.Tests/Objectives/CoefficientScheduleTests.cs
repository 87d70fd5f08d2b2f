using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Objectives;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Tests.Objectives;

public class CoefficientScheduleTests
{
    [Theory]
    [InlineData(0, 0.02)]
    [InlineData(0.499, 0.02)]
    [InlineData(0.5, 1e-4)]
    [InlineData(0.9, 0)]
    [InlineData(1, 0)]
    public void EachPieceHoldsFromItsStartToTheNext(double progress, double expected) =>
        Assert.Equal(expected, CoefficientSchedule.Parse("0:0.02, 0.5:1e-4,0.8:0", "Key").At(progress));

    [Theory]
    [InlineData("0.1:0.02", "it does not begin at 0")]
    [InlineData("0:1,0.5:2,0.5:3", "the starts do not ascend")]
    [InlineData("0:1,0.6:2,0.5:3", "the starts do not ascend")]
    [InlineData("0:1,1:2", "'1:2' is no piece")]
    [InlineData("0:-1", "'0:-1' is no piece")]
    [InlineData("0.02", "'0.02' is no piece")]
    [InlineData("0:1,", "'' is no piece")]
    public void PiecesThatDoNotCoverTheTrainingAreRefused(string text, string why)
    {
        var message = Assert.Throws<UserError>(() => CoefficientSchedule.Parse(text, "Model:Router:BalanceSchedule")).Message;
        Assert.StartsWith($"Model:Router:BalanceSchedule is '{text}': {why}", message);
    }

    [Fact]
    public void TheBalanceLossFollowsIt()
    {
        var ops = new TorchOps(training: true);
        var probabilities = ops.Constant(HostTensor.From(Enumerable.Repeat(0.25f, 8).ToArray(), 2, 4));
        var picks = ops.Constant(HostTensor.From(new long[] { 0, 3 }, 2, 1));
        var loss = new BalanceLoss(4, CoefficientSchedule.Parse("0:0.5,0.5:0", ""));
        double[] Losses(double progress)
        {
            var context = new ForwardContext(ops) { Progress = progress };
            loss.AddTo(context, new RouterDecision(probabilities, probabilities, picks));
            return [.. context.Losses.Select(l => (double)Some.Floats(l.Loss).Single())];
        }
        Assert.Equal([0.5], Losses(0.4), (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Empty(Losses(0.6));
    }
}
