using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Mappings;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Mappings;

public sealed class MappingSearchTests
{
    static readonly CostAssumptions Assumptions = new();

    [Theory]
    [InlineData("mixtral-8x22b", 140.6, 39.2)]
    [InlineData("qwen2-57b-a14b", 57.4, 14.24)]
    [InlineData("llama3-8x70b", 465.2, 126.9)]
    [InlineData("mixtral-8x22b-g8t8", 140.6, 22.3)]
    public void TheShapesHaveTheirModelsSizes(string name, double total, double active)
    {
        var shape = Shape(name);
        Assert.Equal(total, shape.Parameters / 1e9, 0.05);
        Assert.Equal(active, shape.ActiveParameters / 1e9, 0.05);
        Assert.NotEmpty(shape.Sources);
        // Two operations a weight that a token meets, and attention on top.
        Assert.InRange(shape.ForwardFlops(4096) / (2 * shape.ActiveParameters), 0.95, 1.1);
    }

    [Fact]
    public void TheSearchIsExhaustiveAndItsResultIsTheBestOfAll()
    {
        var job = Job(Tiny, nodes: 1, batch: 8);
        var result = new MappingSearch(job, new SearchSpace(), Assumptions).Run();
        var model = new StepTimeModel(job, Assumptions);
        var (legal, best) = (0, double.PositiveInfinity);
        foreach (var (tp, cp, pp, ep, etp) in from tp in Powers from cp in Powers from pp in Powers from ep in Powers from etp in Powers select (tp, cp, pp, ep, etp))
        {
            if (tp * cp * pp > 8 || ep * etp * pp > 8)
                continue;
            List<ParallelGrid> grids = [ParallelGrid.Folded(8, tp, cp, pp, ep, etp)];
            if (etp == tp && 8 / (tp * cp * pp) % ep == 0)
                grids.Add(ParallelGrid.Unfolded(8, tp, cp, pp, ep));
            foreach (var mapping in from grid in grids from m in new[] { 1, 2, 4 } from v in Powers from r in new[] { false, true } select new Mapping(grid, m, v, r))
            {
                if (MappingCheck.Problem(job, mapping) is not null)
                    continue;
                legal++;
                if (model.Memory.Of(mapping).Total <= result.Available)
                    best = Math.Min(best, model.Of(mapping).Seconds);
            }
        }
        Assert.Equal(legal, result.Tried);
        Assert.Equal(best, result.Best!.Seconds);
        Assert.Equal(result.Tried, result.Fitting.Count + result.TooMuchState + result.TooManyActivations);
        Assert.Equal(result.Fitting.Min(estimate => estimate.Seconds), Math.Min(result.BestFolded!.Seconds, result.BestUnfolded!.Seconds));
    }

    [Fact]
    public void TheSameSearchGivesTheSameOrder()
    {
        string[] Names() => [.. new MappingSearch(Job(Tiny, 1, 8), new SearchSpace(), Assumptions).Run().Fitting.Select(estimate => $"{estimate.Mapping} {estimate.Mapping.Grid.IsFolded}")];
        Assert.Equal(Names(), Names());
    }

    [Fact]
    public void WhatTheUserFixesStaysFixed()
    {
        var result = new MappingSearch(Job(Tiny, 2, 16), new SearchSpace { Tp = 2, Cp = 1, Pp = 2, Ep = 4, Etp = 1, MicroBatch = 2, VirtualStages = 2, Recompute = true }, Assumptions).Run();
        Assert.All(result.Fitting, estimate => Assert.Equal("TP2 CP1 DP4 PP2, ETP1 EP4 EDP2, micro batch 2, 2 pieces a stage, recomputed", $"{estimate.Mapping}"));
        Assert.Single(result.Fitting);
    }

    [Fact]
    public void AStepIsTheSumOfItsPartsAndUsesNoMoreThanThePeak()
    {
        var job = Job(Tiny, 2, 16);
        foreach (var estimate in new MappingSearch(job, new SearchSpace(), Assumptions).Run().Fitting.Where((_, i) => i % 50 == 0))
        {
            Assert.InRange(estimate.Mfu, 0, Assumptions.GemmShare);
            var grid = estimate.Mapping.Grid;
            var layers = job.Batch / (grid.Dp * estimate.Mapping.MicroBatch) * (double)job.Model.Layers / grid.Pp * estimate.Layer.Total;
            // What remains is the output layer.
            Assert.InRange(estimate.Seconds - layers - estimate.Bubble - estimate.Pipeline - estimate.DataParallel - estimate.Optimizer, 0, estimate.Seconds);
            Assert.Equal(grid.Pp == 1, estimate.Bubble == 0);
            Assert.Equal(grid.Cp == 1, estimate.Layer.Context == 0 && new StepTimeModel(job, Assumptions).TrafficOf(estimate.Mapping)[1].BytesWithin == 0);
        }
    }

    [Fact]
    public void DispatchBytesAreThoseOfAllTokenCopies()
    {
        var job = Job(Tiny, 2, 16);
        var mapping = new Mapping(ParallelGrid.Folded(16, 2, 1, 1, 8, 1));
        var dispatch = new StepTimeModel(job, Assumptions).TrafficOf(mapping).Single(traffic => traffic.Purpose.StartsWith("EP", StringComparison.Ordinal));
        // There and back, forward and backward; 7 of 8 copies leave their rank, all stay on the node.
        var copies = (double)job.Batch * job.Sequence * job.Model.ExpertsPerToken * job.Model.Layers;
        Assert.Equal(4 * copies * 7 / 8 * 2 * job.Model.HiddenSize, dispatch.BytesWithin, 1);
        Assert.Equal(0, dispatch.BytesBetween);
    }

    [Fact]
    public void MemoryIsSharedByTheAxesThatDivideIt()
    {
        var job = Job(Tiny, 2, 16);
        MemoryEstimate Of(int tp, int cp, int pp, int ep, int etp) => new MemoryModel(job, Assumptions).Of(new Mapping(ParallelGrid.Folded(16, tp, cp, pp, ep, etp)));
        var one = Of(1, 1, 1, 1, 1);
        Assert.Equal(2.0 * job.Model.Parameters, one.Weights, 1e-2 * one.Weights);
        Assert.Equal(2 * one.Weights, one.Gradients);
        Assert.Equal(12.0 / 16 * one.Weights / 2, one.Optimizer, 1e-6 * one.Optimizer);
        Assert.Equal(Of(1, 1, 1, 2, 2).Weights, Of(1, 1, 1, 4, 1).Weights);
        Assert.True(Of(1, 1, 1, 2, 2).Activations > Of(1, 1, 1, 4, 1).Activations); // every slice has all copies
        Assert.Equal(one.Activations / 4, Of(2, 2, 1, 1, 1).Activations, 1e-6 * one.Activations);
        var kept = new MemoryModel(job, Assumptions).Of(new Mapping(ParallelGrid.Folded(16, 1, 1, 2, 1, 1), Recompute: true));
        Assert.True(kept.Activations < Of(1, 1, 2, 1, 1).Activations);
    }

    [Fact]
    public void ProductsOfOddShapesAreLessEfficient()
    {
        var gemm = new GemmTime(Assumptions, 989e12);
        Assert.InRange(gemm.Efficiency(8192, 8192, 8192), 0.68, Assumptions.GemmShare);
        Assert.True(gemm.Efficiency(16, 8192, 8192) < 0.1);
        Assert.True(gemm.Efficiency(1024, 8192, 256) < gemm.Efficiency(1024, 8192, 2048));
        Assert.Equal(0, gemm.Seconds(0, 8192, 8192));
        Assert.Equal(4 * gemm.Seconds(100, 300, 50), gemm.Seconds(100, 300, 50, 4));
    }

    [Fact]
    public void AFixedDegreeThatDividesNothingIsRefused()
    {
        var odd = Job(Tiny with { Experts = 12, ExpertHiddenSize = 96, Layers = 6 }, nodes: 8, batch: 64) with { Sequence = 520 };
        Refused(new SearchSpace { Cp = 16 }, "CP 16 do not divide a sequence of 520 tokens");
        Refused(new SearchSpace { Ep = 8 }, "EP 8 does not divide the 12 experts");
        Refused(new SearchSpace { Etp = 64 }, "ETP 64 does not divide the experts' inner width of 96");
        Refused(new SearchSpace { Tp = 16 }, "TP 16 does not divide the 8 heads");
        Refused(new SearchSpace { Pp = 4 }, "PP 4 with 1 pieces a stage does not divide the 6 layers");
        Refused(new SearchSpace { Tp = 3 }, "64 ranks cannot be divided by TP x CP x PP");
        Refused(new SearchSpace { MicroBatch = 3 }, "micro batches of 3");
        void Refused(SearchSpace space, string expected) => Assert.Contains(expected, Assert.Throws<UserError>(() => new MappingSearch(odd, space, Assumptions).Run()).Message);
    }

    [Theory]
    [InlineData(-1, false, "capacity factor is -1")]
    [InlineData(0, true, "Padding to capacity needs a capacity")]
    public void CapacityMustMakeSense(double factor, bool pad, string expected) =>
        Assert.Contains(expected, Assert.Throws<UserError>(() => (Job(Tiny, 1, 8) with { CapacityFactor = factor, PadToCapacity = pad }).Check()).Message);

    [Fact]
    public void AClusterWithoutFiguresOrWithUnequalNodesIsRefused()
    {
        Assert.Contains("does not say the teraflops", Assert.Throws<UserError>(() => new TrainingJob(Tiny, Some.Cluster(4), 512, 8).Check()).Message);
        var uneven = new Cluster(new ClusterDescription("uneven", [new ClusterNode(4), new ClusterNode(2)], new ClusterLink(100)) { BetweenNodes = new ClusterLink(10) }, "c.json");
        Assert.Contains("different numbers of GPUs", Assert.Throws<UserError>(() => new TrainingJob(Tiny, uneven, 512, 8).Check()).Message);
    }

    static readonly int[] Powers = [1, 2, 4, 8];

    static readonly ModelShape Tiny = new("tiny", 8, 1024, 8, 8, 128, 8, 2, 4096, 8192);

    static TrainingJob Job(ModelShape shape, int nodes, int batch) => new(shape, Cluster.Load(Some.Data("clusters/dgx-h100.json"), nodes), 512, batch);

    static ModelShape Shape(string name) => ModelShape.Load(Some.Data($"shapes/{name}.json"));
}
