using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Tests.Normalization;

public class BatchNormTests
{
    private readonly TorchOps _ops = new();

    [Fact]
    public void ABatchIsNormalizedByItsOwnStatistics()
    {
        var norm = new BatchNorm(new LayerScope(1), 3);
        var x = Some.Normal(_ops, 1, 4, 3, 2, 2) * 3 + 5;
        var y = Some.Floats(norm.Forward(x, new ForwardContext(_ops) { BatchStatistics = BatchStatistics.Unrecorded }));
        for (var channel = 0; channel < 3; channel++)
        {
            double[] values = [.. y.Select(value => (double)value).Where((_, i) => i / 4 % 3 == channel)];
            Assert.Equal(0, values.Average(), 1e-5);
            Assert.Equal(1, values.Average(value => value * value), 1e-4);
        }
        Assert.All(norm.Mean.Parameter.data<float>().ToArray(), value => Assert.Equal(0, value));
    }

    [Fact]
    public void RunningStatisticsMoveATenthOfTheWay()
    {
        var norm = new BatchNorm(new LayerScope(1), 1);
        var x = _ops.Constant(Artifacts.Tensors.HostTensor.From([1f, 3f], 2, 1, 1, 1));
        var statistics = new RunningStatistics();
        norm.Forward(x, new ForwardContext(_ops) { BatchStatistics = statistics });
        Assert.Equal((0.2f, 1f), (norm.Mean.Parameter.data<float>()[0], norm.Variance.Parameter.data<float>()[0]));
        norm.Forward(x * 2, new ForwardContext(_ops) { BatchStatistics = statistics });
        Assert.Equal(0.2f * 0.9f + 0.4f, norm.Mean.Parameter.data<float>()[0], 1e-6);
        Assert.Equal(1.3f, norm.Variance.Parameter.data<float>()[0], 1e-6);
    }

    [Fact]
    public void EstimatesAreMeansOverTheBatches()
    {
        var norm = new BatchNorm(new LayerScope(1), 2);
        var statistics = new EstimatedStatistics();
        for (var batch = 1; batch <= 3; batch++)
            norm.Forward(Some.Normal(_ops, 1, 8, 2, 1, 1) * batch, new ForwardContext(_ops) { BatchStatistics = statistics });
        var plain = new BatchNorm(new LayerScope(1), 2);
        plain.Forward(Some.Normal(_ops, 1, 8, 2, 1, 1), new ForwardContext(_ops) { BatchStatistics = new EstimatedStatistics() });
        Assert.Equal(plain.Mean.Parameter.data<float>()[0] * 2, norm.Mean.Parameter.data<float>()[0], 1e-5);
        Assert.Equal(plain.Variance.Parameter.data<float>()[1] * 14 / 3, norm.Variance.Parameter.data<float>()[1], 1e-5);
    }

    [Fact]
    public void TheFirstChannelsAloneAreUsedAndObserved()
    {
        var norm = new BatchNorm(new LayerScope(1), 4);
        var x = Some.Normal(_ops, 2, 5, 2, 3, 3) + 1;
        norm.Forward(x, 2, new ForwardContext(_ops) { BatchStatistics = new EstimatedStatistics() });
        var means = norm.Mean.Parameter.data<float>().ToArray();
        Assert.NotEqual(0, means[1]);
        Assert.Equal([0, 0], means[2..]);
        // With estimates of the very batch, stored statistics give what the batch's own do.
        var own = Some.Floats(norm.Forward(x, 2, new ForwardContext(_ops) { BatchStatistics = BatchStatistics.Unrecorded }));
        Assert.All(own.Zip(Some.Floats(norm.Forward(x, 2, new ForwardContext(_ops)))), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }
}
