using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;

namespace OnnxMoe.Trainer.Tests.Backbones;

public sealed class ModelCostTests
{
    [Fact]
    public void EveryPartIsCountedByHand()
    {
        // 2 blocks, width 16, 4 heads of 4 of which 2 for keys; dense hidden (2 + 1) * 8; 6 experts of 8, 2 active, 1 shared.
        var flops = ModelCost.Flops(new DecoderLm(Some.SmallModel(), 10, 0), new CostContext(5)).ToDictionary(cost => cost.Part, cost => cost.Flops);
        Assert.Equal(["attention", "ffn", "router", "experts", "shared experts", "head"], flops.Keys);
        Assert.Equal(2 * (2.0 * 16 * (16 + 8 + 8) + 2 * 16 * 16 + 5 * 2 * (2 * 16)), flops["attention"]);
        Assert.Equal(2.0 * 3 * 16 * 24, flops["ffn"]);
        Assert.Equal(2.0 * 16 * 6, flops["router"]);
        Assert.Equal(2 * 2.0 * 3 * 16 * 8, flops["experts"]);
        Assert.Equal(2.0 * 3 * 16 * 8, flops["shared experts"]);
        Assert.Equal(2.0 * 16 * 10, flops["head"]);
    }

    [Fact]
    public void WithoutAttentionATokenCostsTwoOperationsAnActiveMatrixWeight()
    {
        var model = new DecoderLm(Some.SmallModel(), 10, 0);
        var noMatrices = model.Weights.Where(w => w.Shape.Length < 2 || w.Name == "embedding").Sum(w => w.Parameter.numel());
        Assert.Equal(2.0 * (ModelCost.Parameters(model).Active - noMatrices), ModelCost.Flops(model, new CostContext(0)).Sum(cost => cost.Flops));
    }

    [Fact]
    public void MeasuredActiveExpertsReplaceTheUpperBound()
    {
        var model = new DecoderLm(Some.SmallModel(), 10, 0);
        var measured = new Dictionary<RoutingSite, double> { [new(1)] = 0.5 };
        double Experts(CostContext context) => ModelCost.Flops(model, context).Single(cost => cost.Part == "experts").Flops;
        Assert.Equal(Experts(new CostContext(1)) / 4, Experts(new CostContext(1) { ActiveExperts = measured }));
        Assert.Equal(ModelCost.Parameters(model).Active - 1.5 * 3 * 16 * 8, ModelCost.Parameters(model, measured).Active);
    }

    /// <summary>BAM's small configuration (Zhang et al. 2024, arXiv 2408.08274): 6 parallel blocks of width 1024, vocabulary 256 000, 4 models.</summary>
    [Theory]
    [InlineData("dense", 587_209_728, 587_209_728)]
    [InlineData("btx", 700_480_512, 587_234_304)]
    [InlineData("bam", 776_002_560, 662_756_352)]
    [InlineData("bam, shared keys and values", 738_253_824, 625_007_616)]
    public void AModelTooLargeToBuildIsCountedAsInItsPaper(string kind, long total, long active)
    {
        var options = new ModelOptions { Layers = 6, HiddenSize = 1024, Heads = 8, ContextLength = 16, Block = "parallel", SharedExperts = 0 };
        (options.DenseHidden, options.Experts, options.ExpertsPerToken, options.ExpertHidden) = (2048, 4, 1, 2048);
        options.FirstDenseLayers = kind == "dense" ? 6 : 0;
        options.AttentionBank.Experts = kind.StartsWith("bam", StringComparison.Ordinal) ? 4 : 0;
        options.AttentionBank.KeyValues = kind.Contains("shared", StringComparison.Ordinal) ? "shared" : "experts";
        options.Check();
        var count = ModelCost.Parameters(new DecoderLm(options, 256_000, 0, TorchSharp.torch.device(TorchSharp.DeviceType.META)));
        Assert.Equal(total, count.Total);
        Assert.Equal(active, count.Active);
        // The paper's table of active parameters counts one router of the two in each block.
        if (kind == "bam")
            Assert.Equal(662_731_776, count.Active - 6 * 4 * 1024);
    }
}
