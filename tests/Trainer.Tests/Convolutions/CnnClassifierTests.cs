using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Convolutions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Normalization;
using OnnxMoe.Trainer.Ops;
using TorchSharp;

namespace OnnxMoe.Trainer.Tests.Convolutions;

public class CnnClassifierTests
{
    private static readonly ClassifierSizes Sizes = new(1, 64, 5);
    private static readonly SearchSpace Elastic = new("elastic", [new("pooling", 1, ["1-1-2", "1-2-1", "2-1-1"]), new("channels", 4, ["2", "4", "5"])]);

    private static ModelOptions Options(bool residual = true) =>
        new() { Backbone = ModelOptions.Convolutional, Cnn = new() { Channels = [2, 3, 3, 4], Pools = [1, 3], Residual = residual } };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void EveryExtractedModelIsTheSupernetAtItsArchitecture(bool residual)
    {
        var supernet = new CnnClassifier(Options(residual), Elastic, Sizes, seed: 1);
        var random = new Random(2);
        foreach (var architecture in Enumerable.Range(0, 12).Select(_ => Elastic.Random(random)).Append(Elastic.Largest).Append(Elastic.Smallest))
        {
            supernet.Active = architecture;
            EstimatedStatistics.Run(supernet, [Images(20)]);
            var extracted = (CnnClassifier)supernet.Extract(architecture);
            Assert.All(Logits(supernet).Zip(Logits(extracted)), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
            Assert.Equal(architecture.Whole("channels", 3), extracted.Weights.Single(weight => weight.Name == "head.weight").Shape[0]);
            Assert.Equal(supernet.CostOfToken(new(1)).Sum(cost => cost.Flops), extracted.CostOfToken(new(1)).Sum(cost => cost.Flops));
        }
    }

    [Fact]
    public void ImageAndSequenceGiveTheSame()
    {
        var sizes = new ClassifierSizes(2, 16, 3);
        var model = new CnnClassifier(new() { Cnn = new() { Channels = [3, 4], Pools = [1] } }, null, sizes, seed: 1);
        var random = new Random(1);
        var sequences = new LabeledSequences([.. Enumerable.Range(0, 5 * 32).Select(_ => random.NextSingle())], new long[5], 16, 2, 3);
        var ops = new TorchOps();
        using var noGrad = torch.no_grad();
        var one = Some.Floats(model.Forward(ops.Value(torch.tensor(sequences.Features, [5, 16, 2])), null, new ForwardContext(ops)));
        var other = Some.Floats(model.Run(ops, new Dictionary<string, Value> { ["image"] = ops.Constant(model.InputsOf(sequences)["image"]) })["logits"]);
        Assert.Equal(one, other);
    }

    /// <summary>Blocks and poolings as written in the paper: after the last block the side is that of the image by 2 to the number of poolings.</summary>
    [Fact]
    public void PathsAreCountedAsPublished()
    {
        var paths = PoolingPath.All(10, 3);
        Assert.Equal(36, paths.Count);
        Assert.Equal(["1-1-8", "1-2-7"], paths.Take(2));
        Assert.Equal("8-1-1", paths[^1]);
        Assert.Equal([4, 7], PoolingPath.Parse("4-3-3", 10));
        Assert.All(paths, path => Assert.Equal(2, PoolingPath.Parse(path, 10).Distinct().Count(pool => pool is > 0 and < 10)));
        foreach (var (path, flops) in PoolingPath.All(4, 3).Select(path => (path, Flops(path))))
        {
            // Counted by hand: two 3x3 convolutions a block and a 1x1 one where channels change, at the side of the block.
            var pools = PoolingPath.Parse(path, 4);
            int[] channels = [2, 3, 3, 4];
            var expected = 2.0 * 9 * 2 * 64;
            for (var block = 1; block < 4; block++)
            {
                var side = 8 >> pools.Count(pool => pool <= block);
                var (inputs, outputs) = (channels[block - 1], channels[block]);
                expected += 2.0 * side * side * ((9 * inputs * outputs) + (9 * outputs * outputs) + (inputs == outputs ? 0 : inputs * outputs));
            }
            Assert.Equal(expected + (2 * 4 * 5), flops);
        }

        double Flops(string path) => new CnnClassifier(new() { Cnn = new() { Channels = [2, 3, 3, 4], Pools = PoolingPath.Parse(path, 4) } }, null, Sizes, 1).CostOfToken(new(1)).Sum(cost => cost.Flops);
    }

    [Theory]
    [InlineData("1-2", "is not one of a network of 4 blocks")]
    [InlineData("2-2-x", "is not one of a network of 4 blocks")]
    [InlineData("1-1-1-1", "3 poolings cannot halve an image of 4 pixels a side evenly")]
    public void PathsThatCannotBeAreNamed(string path, string says) => Assert.Contains(says, Assert.Throws<UserError>(() =>
        new CnnClassifier(Options(), new SearchSpace("x", [new("pooling", 1, [path])]), new(1, 16, 5), seed: 1)).Message, StringComparison.Ordinal);

    [Fact]
    public void SizesThatDoNotFitAreNamed()
    {
        string Make(CnnOptions cnn, SearchSpace? space = null) => Assert.Throws<UserError>(() => new CnnClassifier(new() { Cnn = cnn }, space, Sizes, seed: 1)).Message;
        Assert.Contains("Model:Cnn:Pools is 4; it must be different numbers from 1 to 3", Make(new() { Channels = [1, 1, 1, 1], Pools = [4] }), StringComparison.Ordinal);
        Assert.Contains("Model:Cnn:Strides has 2 numbers for 4 blocks", Make(new() { Channels = [1, 1, 1, 1], Pools = [], Strides = [1, 2] }), StringComparison.Ordinal);
        Assert.Contains("has the gene 'width'", Make(new(), new("x", [new("width", 1, ["1"])])), StringComparison.Ordinal);
        Assert.Contains("3 blocks cannot have 4 scales", Assert.Throws<UserError>(() => PoolingPath.All(3, 4)).Message, StringComparison.Ordinal);
        Assert.Contains("set Data:PatchSide to 1", Assert.Throws<UserError>(() => ImageClassifier.CheckImage(new() { PatchSide = 2 })).Message, StringComparison.Ordinal);
    }

    private static LabeledSequences Images(int count)
    {
        var random = new Random(7);
        return new([.. Enumerable.Range(0, count * 64).Select(_ => random.NextSingle())], new long[count], 64, 1, 5);
    }

    private static float[] Logits(CnnClassifier model)
    {
        using var noGrad = torch.no_grad();
        var ops = new TorchOps();
        return Some.Floats(model.Forward(ops.Value(torch.tensor(Images(3).Features, [3, 64, 1])), null, new ForwardContext(ops)));
    }
}
