using OnnxMoe.Artifacts;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;
using TorchSharp;
using static OnnxMoe.Trainer.Tests.Supernets.Transformers;

namespace OnnxMoe.Trainer.Tests.Supernets;

public class TransformerSupernetTests
{
    [Theory]
    [InlineData(ModelOptions.Decoder, "first")]
    [InlineData(ModelOptions.Decoder, "spread")]
    [InlineData(ModelOptions.MaskedLm, "spread")]
    [InlineData(ModelOptions.EncoderDecoder, "first")]
    public void AnExtractedModelIsTheSupernetAtItsArchitecture(string backbone, string depth)
    {
        var supernet = Supernet(backbone, new() { Depth = depth });
        var different = new HashSet<string>();
        foreach (var architecture in Draw(supernet.Space, 8))
        {
            supernet.Active = architecture;
            var expected = Logits(supernet.Model);
            Assert.True(different.Add(string.Join(' ', expected)));
            var flops = supernet.Model.CostOfToken(new CostContext(3)).Sum(cost => cost.Flops);
            var extracted = supernet.Extract(architecture);
            Assert.InRange(Difference(expected, Logits(extracted)), 0, 1e-5);
            Assert.Equal(architecture, supernet.Active);

            // An ordinary model of the same options has the same weights and costs the same.
            var built = TransformerModel.Build(supernet.OptionsOf(architecture), Vocabulary, new LayerScope(3));
            Assert.Equal(built.Weights.Select(weight => (weight.Name, string.Join(',', weight.Shape))), extracted.Weights.Select(weight => (weight.Name, string.Join(',', weight.Shape))));
            Assert.Equal(flops, built.CostOfToken(new CostContext(3)).Sum(cost => cost.Flops));
        }
    }

    [Fact]
    public void TheLargestArchitectureIsTheModelOfItsSizes()
    {
        var supernet = Supernet(ModelOptions.Decoder);
        var plain = new DecoderLm(supernet.OptionsOf(supernet.Space.Largest), Vocabulary, seed: 1);
        Assert.Equal(Logits(plain), Logits(supernet.Model));
    }

    [Fact]
    public void EverySubSpaceHasWeightsOfItsOwn()
    {
        var supernet = Supernet(ModelOptions.MaskedLm, new() { Depth = "spread" }, Parts);
        Assert.Equal(16, (int)Parts.Size);
        foreach (var architecture in Parts.All())
        {
            supernet.Active = architecture;
            Assert.InRange(Difference(Logits(supernet.Model), Logits(supernet.Extract(architecture))), 0, 1e-5);
        }
        supernet.Active = Parts.Smallest;
        var ops = new TorchOps(training: true);
        TorchOps.TensorOf(Forward(supernet.Model, ops)).square().sum().backward();
        Assert.All(supernet.Model.Weights.Where(weight => weight.Parameter.grad is not null), weight => Assert.False(weight.Name.StartsWith("expert.", StringComparison.Ordinal)));
        supernet.Active = Parts.Largest;
        foreach (var weight in supernet.Model.Weights)
            weight.Parameter.grad = null;
        TorchOps.TensorOf(Forward(supernet.Model, ops)).square().sum().backward();
        Assert.All(supernet.Model.Weights.Where(weight => weight.Parameter.grad is not null), weight => Assert.StartsWith("expert.1.", weight.Name, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(ModelOptions.Decoder)]
    [InlineData(ModelOptions.EncoderDecoder)]
    public void OnlyTheUsedPartOfAWeightLearns(string backbone)
    {
        var supernet = Supernet(backbone);
        supernet.Active = supernet.Space.Smallest;
        TorchOps.TensorOf(Forward(supernet.Model, new TorchOps(training: true))).square().sum().backward();
        foreach (var weight in supernet.Model.Weights)
        {
            if (weight.Parameter.grad is not { } gradient)
                continue; // of a block that does not exist
            var used = torch.zeros(weight.Shape);
            var part = weight.Part!;
            Assert.Equal(part.Dimensions.Count, weight.Shape.Length);
            var count = Count(used, part.Dimensions, 0);
            Assert.True(count > 0);
            Assert.Equal(0, (gradient * (1 - used)).abs().sum().item<float>());
            Assert.True((gradient * used).abs().sum().item<float>() > 0, weight.Name);
        }

        // Marks the part with ones.
        static long Count(torch.Tensor whole, IReadOnlyList<IReadOnlyList<(long Start, long End)>> dimensions, int dimension)
        {
            if (dimension == dimensions.Count)
            {
                whole.fill_(1);
                return whole.numel();
            }
            return dimensions[dimension].Sum(range => Count(whole.narrow(dimension, range.Start, range.End - range.Start), dimensions, dimension + 1));
        }
    }

    [Theory]
    [InlineData(12, 6, "0 2 4 6 8 10")]
    [InlineData(12, 9, "0 1 2 4 5 6 8 9 10")]
    [InlineData(3, 3, "0 1 2")]
    public void EvenlySpreadBlocksAreKept(int all, int count, string kept) => Assert.Equal(kept, string.Join(' ', BlockStack.Keep(all, count, spread: true)));

    [Fact]
    public void AStepRunsTheEndsOfASubSpaceAndOthersOfIt()
    {
        var paths = new SandwichPaths(Parts, 2, seed: 5);
        for (var step = 0; step < 8; step++)
        {
            var sampled = paths.Sample(step);
            Assert.Equal(sampled, new SandwichPaths(Parts, 2, seed: 5).Sample(step));
            Assert.All(sampled, architecture => Assert.Equal(step % 2, SubSpaces.Of(architecture)));
            Assert.Equal(4, sampled.Distinct().Count());
            Assert.Equal(SubSpaces.Largest(Parts, step % 2), sampled[0]);
            Assert.Equal(SubSpaces.Smallest(Parts, step % 2), sampled[1]);
        }
    }

    [Theory]
    [InlineData("has the gene 'kernel', which a transformer", "kernel", "3", ModelOptions.Decoder)]
    [InlineData("it must be a positive whole number", "depth", "0", ModelOptions.Decoder)]
    [InlineData("has the gene 'target-width', which a transformer", "target-width", "4", ModelOptions.Decoder)]
    [InlineData("Model:Backbone is encoder", "width", "4", ModelOptions.Encoder)]
    public void ASpaceThatDoesNotFitIsNamed(string says, string gene, string choice, string backbone)
    {
        var options = Options(ModelOptions.Decoder);
        options.Backbone = backbone;
        var error = Assert.Throws<UserError>(() => new TransformerSupernet(options, new(), new SearchSpace("toy", [new(gene, 1, [choice])]), Vocabulary, 1));
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void GroupedQueriesAndAGeneOfHeadsDoNotGoTogether()
    {
        var options = Options(ModelOptions.Decoder);
        options.KvHeads = 1;
        Assert.Contains("set it to 0", Assert.Throws<UserError>(() => new TransformerSupernet(options, new(), Fine, Vocabulary, 1)).Message, StringComparison.Ordinal);
        var plain = new SearchSpace("toy", [new("width", 1, ["6", "10"])]);
        var supernet = new TransformerSupernet(options, new(), plain, Vocabulary, 1) { Active = plain.Smallest };
        Assert.InRange(Difference(Logits(supernet.Model), Logits(supernet.Extract(plain.Smallest))), 0, 1e-5);
    }
}
