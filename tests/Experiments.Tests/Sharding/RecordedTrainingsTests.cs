using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Experiments.Sharding;
using OnnxMoe.Experiments.Simulations;

namespace OnnxMoe.Experiments.Tests.Sharding;

public sealed class RecordedTrainingsTests
{
    [Fact]
    public void ARowOfCountsIsReadBackAndSimulatedOnce()
    {
        var run = new Measurement("arm", 1, "");
        (run.Series["loss"], run.Series[RecordedTrainings.Counts]) = ([3, 2, 1], [.. Enumerable.Range(0, 3 * 2 * 16).Select(i => 1.0 + (i % 5))]);
        var recorded = new RecordedTrainings(2, CancellationToken.None);
        var counts = recorded.CountsOf(run);
        Assert.Equal((3, 2, 16), (counts.Iterations, counts.Layers, counts.Experts));
        Assert.Equal(1 + (37 % 5), counts[1][0][5]);
        var cluster = Machines.Cluster("hecate-v100", 2, gpus: 2);
        Assert.Equal((2, 4), (cluster.Nodes, cluster.Devices.Count));
        Assert.Same(recorded.Of(run, cluster, PublishedModel.All[0], "hecate"), recorded.Of(run, cluster, PublishedModel.All[0], "hecate"));
        Assert.Equal(50, recorded.Of(run, cluster, PublishedModel.All[0], RecordedTrainings.LongWindowed).Policy.Window);
    }

    [Fact]
    public void StatisticsOfCounts()
    {
        var counts = new IterationCounts("x", [[[4, 4]], [[6, 2]], [[2, 6]]]);
        Assert.Equal((1 + 1.5 + 1.5) / 3, CountStatistics.BusiestExpert(counts), 12);
        Assert.Equal((0.25 + 0.5) / 2, CountStatistics.Change(counts, 1), 12);
        Assert.Equal(0.25, CountStatistics.Change(counts, 2), 12);
    }
}
