using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Tests.Layers;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Conversions;

public class UnionDecomposeTests
{
    private static Tensor Random(params long[] shape) => randn(shape, generator: new Generator(7));

    [Fact]
    public void TheWayBackGivesTheSameBits()
    {
        Same(Random(5, 12), UnionDecompose.FromColumns(UnionDecompose.Columns(Random(5, 12), 4)));
        Same(Random(12), UnionDecompose.FromColumns(UnionDecompose.Columns(Random(12), 4)));
        Same(Random(12, 5), UnionDecompose.FromRows(UnionDecompose.Rows(Random(12, 5), 3)));
        Same(Random(8, 24), UnionDecompose.FromHeads(UnionDecompose.Heads(Random(8, 24), 4)));

        static void Same(Tensor expected, Tensor actual)
        {
            Assert.Equal(expected.shape, actual.shape);
            Assert.Equal(expected.data<float>().ToArray(), actual.data<float>().ToArray());
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(4)]
    public void SharesOfABiasAddUpToIt(int experts)
    {
        var bias = Random(9);
        Assert.All(bias.data<float>().ToArray().Zip(UnionDecompose.FromShares(UnionDecompose.Shares(bias, experts)).data<float>().ToArray()),
            pair => Assert.Equal(pair.First, pair.Second, 1e-6));
    }

    [Fact]
    public void ALayerThatCannotBeCutEvenlyIsRefused()
    {
        Assert.Equal("A layer of width 12 cannot be cut into 5 equal experts.", Assert.Throws<UserError>(() => UnionDecompose.Columns(Random(5, 12), 5)).Message);
        Assert.Throws<UserError>(() => UnionDecompose.Rows(Random(12, 5), 5));
        Assert.Throws<UserError>(() => UnionDecompose.Heads(Random(8, 24), 3));
    }

    [Fact]
    public void AModelThatDoesNotFitIsRefused()
    {
        var dense = new DecoderLm(Unions.Dense("decoder"), Unions.Vocabulary, 1);
        var wider = new DecoderLm(Unions.Union(Unions.Dense("decoder"), "topk", o => o.ExpertHidden = 7), Unions.Vocabulary, 1);
        var slices = new DecoderLm(Unions.Union(Unions.Dense("decoder"), "topk", o => o.HeadRouting.HeadsPerToken = 0), Unions.Vocabulary, 1);
        Assert.Contains("Model:Experts times Model:ExpertHidden", Assert.Throws<UserError>(() => DecomposeIntoUnion.Copy(dense, wider, "dense")).Message);
        Assert.Contains("needs a dense model with the weight layers.0.ffn.up", Assert.Throws<UserError>(() => DecomposeIntoUnion.Copy(slices, slices, "slices")).Message);
    }
}
