using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;
using TorchSharp;

namespace OnnxMoe.Trainer.Tests.Training;

public class GradientDescentTests
{
    [Theory]
    [InlineData(0, false)]
    [InlineData(0.9, false)]
    [InlineData(0.8, true)]
    public void StepsFollowTheFormula(double momentum, bool nesterov)
    {
        const double rate = 0.1;
        const double decay = 0.02;
        var scope = new LayerScope(1);
        var (matrix, bias) = (scope.Normal("matrix", 1, 2, 2), scope.Normal("bias", 1, 2));
        using var optimizer = new WeightOptimizer([matrix, bias], Options(momentum, nesterov, rate, decay));
        var expected = new[] { matrix, bias }.Select(weight => weight.Parameter.detach().data<float>().ToArray().Select(value => (double)value).ToArray()).ToArray();
        var buffers = expected.Select(values => new double[values.Length]).ToArray();
        for (var step = 1; step <= 4; step++)
        {
            ((matrix.Parameter * matrix.Parameter).sum() * 0.5 * step + bias.Parameter.sum()).backward();
            optimizer.Step(rate);
            for (var w = 0; w < 2; w++)
                for (var i = 0; i < expected[w].Length; i++)
                {
                    var gradient = w == 0 ? (expected[w][i] * step) + (decay * expected[w][i]) : 1;
                    buffers[w][i] = (momentum * buffers[w][i]) + gradient;
                    expected[w][i] -= rate * (momentum == 0 ? gradient : nesterov ? gradient + (momentum * buffers[w][i]) : buffers[w][i]);
                }
        }
        foreach (var (weight, values) in new[] { matrix, bias }.Zip(expected))
            Assert.All(weight.Parameter.detach().data<float>().ToArray().Zip(values), pair => Assert.Equal(pair.Second, pair.First, 1e-5));
    }

    [Fact]
    public void ItsStateCanBeKept()
    {
        var weights = Enumerable.Range(0, 2).Select(_ => new LayerScope(1).Normal("matrix", 1, 3, 3)).ToArray();
        WeightOptimizer[] optimizers = [.. weights.Select(weight => new WeightOptimizer([weight], Options(0.9, false, 0.1, 0)))];
        void Step(int which)
        {
            (weights[which].Parameter * weights[which].Parameter).sum().backward();
            optimizers[which].Step(0.1);
        }
        Step(0);
        Step(0);
        using (torch.no_grad())
        {
            weights[1].Parameter.copy_(weights[0].Parameter);
            foreach (var (to, from) in optimizers[1].Moments().Zip(optimizers[0].Moments()))
                to.Moment.copy_(from.Moment);
        }
        Assert.Equal("momentum/matrix", Assert.Single(optimizers[1].Moments()).Name);
        Step(0);
        Step(1);
        Assert.Equal(weights[0].Parameter.detach().data<float>().ToArray(), weights[1].Parameter.detach().data<float>().ToArray());
        foreach (var optimizer in optimizers)
            optimizer.Dispose();
    }

    private static TrainerOptions Options(double momentum, bool nesterov, double rate, double decay) =>
        new() { Optimizer = "sgd", Momentum = momentum, Nesterov = nesterov, LearningRate = rate, WeightDecay = decay, ClipNorm = 0 };
}
