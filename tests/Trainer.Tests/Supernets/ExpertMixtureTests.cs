using OnnxMoe.Artifacts;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Supernets;
using TorchSharp;
using static OnnxMoe.Trainer.Tests.Supernets.Transformers;

namespace OnnxMoe.Trainer.Tests.Supernets;

public class ExpertMixtureTests
{
    private static SupernetOptions Mixed(string variant, int experts = 2, string features = "aggregate") => new() { Mixture = { Experts = experts, Variant = variant, Features = features, RouterHidden = 6 } };

    [Theory]
    [InlineData(ModelOptions.Decoder, "layer", "aggregate")]
    [InlineData(ModelOptions.MaskedLm, "neuron", "fine")]
    [InlineData(ModelOptions.EncoderDecoder, "neuron", "aggregate")]
    public void AnExtractedModelHasTheMixturesBakedIn(string backbone, string variant, string features)
    {
        var supernet = Supernet(backbone, Mixed(variant, 3, features));
        var plain = Supernet(backbone);
        foreach (var architecture in Draw(supernet.Space, 6))
        {
            supernet.Active = architecture;
            var expected = Logits(supernet.Model);
            var extracted = supernet.Extract(architecture);
            Assert.InRange(Difference(expected, Logits(extracted)), 0, 1e-5);
            Assert.Equal(expected, Logits(supernet.Model)); // the same configuration gives the same weights again
            Assert.DoesNotContain(extracted.Weights, weight => weight.Name.StartsWith("expert.", StringComparison.Ordinal) || weight.Name.StartsWith("mixture.", StringComparison.Ordinal));
            Assert.Equal(ModelCost.Parameters(plain.Extract(plain.Space.Of(architecture.Genes))).Total, ModelCost.Parameters(extracted).Total);
        }
    }

    [Fact]
    public void OneExpertIsThePlainSupernet()
    {
        var (plain, one) = (Supernet(ModelOptions.Decoder), Supernet(ModelOptions.Decoder, Mixed("layer", 1)));
        Assert.Equal(Logits(plain.Model), Logits(one.Model));
    }

    [Theory]
    [InlineData("layer")]
    [InlineData("neuron")]
    public void ProportionsThatAreAllOnOneExpertGiveThatExpertsSupernet(string variant)
    {
        var supernet = Supernet(ModelOptions.Decoder, Mixed(variant));
        Force(supernet, 1);
        var plain = Supernet(ModelOptions.Decoder);
        var weights = supernet.Model.Weights.ToDictionary(weight => weight.Name);
        using (torch.no_grad())
        {
            foreach (var weight in plain.Model.Weights)
                weight.Parameter.copy_((weights.GetValueOrDefault($"expert.1.{weight.Name}") ?? weights[weight.Name]).Parameter);
        }
        foreach (var architecture in Draw(supernet.Space, 4))
        {
            (supernet.Active, plain.Active) = (architecture, architecture);
            Assert.InRange(Difference(Logits(supernet.Model), Logits(plain.Model)), 0, 1e-6);
        }
    }

    [Fact]
    public void NeuronwiseWithEqualRowsIsLayerwise()
    {
        var (layer, neuron) = (Supernet(ModelOptions.Decoder, Mixed("layer")), Supernet(ModelOptions.Decoder, Mixed("neuron")));
        Copy(layer, neuron);
        foreach (var router in Routers(layer).Concat(Routers(neuron)))
        {
            using var noGrad = torch.no_grad();
            router.Outer.Parameter.zero_();
            router.Bias.Parameter.copy_(torch.tensor(new[] { 0.3f, -0.5f }).repeat(router.Bias.Shape[0] / 2));
        }
        foreach (var architecture in Draw(layer.Space, 4))
        {
            (layer.Active, neuron.Active) = (architecture, architecture);
            Assert.InRange(Difference(Logits(layer.Model), Logits(neuron.Model)), 0, 1e-6);
        }
    }

    [Fact]
    public void AnExpertGetsItsProportionOfTheGradientAndTheRouterOneWhereExpertsDiffer()
    {
        var supernet = Supernet(ModelOptions.Decoder, Mixed("layer"));
        supernet.Active = supernet.Space.Largest;
        var ops = new TorchOps(training: true);
        TorchOps.TensorOf(Forward(supernet.Model, ops)).square().sum().backward();
        var weights = supernet.Model.Weights.ToDictionary(weight => weight.Name);
        for (var block = 0; block < 3; block++)
        {
            var (a, b) = (weights[$"layers.{block}.ffn.up"].Parameter.grad!, weights[$"expert.1.layers.{block}.ffn.up"].Parameter.grad!);
            var (ratio, all) = ((a.abs().sum() / b.abs().sum()).item<float>(), (a + b).abs().max().item<float>());
            Assert.InRange((a - (b * ratio)).abs().max().item<float>(), 0, 1e-4 * all);
            Assert.True(weights[$"mixture.{block}.router.outer"].Parameter.grad!.abs().max().item<float>() > 1e-6);
        }

        var same = Supernet(ModelOptions.Decoder, Mixed("neuron"));
        using (torch.no_grad())
        {
            var known = same.Model.Weights.ToDictionary(weight => weight.Name);
            foreach (var weight in same.Model.Weights.Where(weight => weight.Name.StartsWith("expert.1.", StringComparison.Ordinal)))
                weight.Parameter.copy_(known[weight.Name["expert.1.".Length..]].Parameter);
        }
        same.Active = same.Space.Largest;
        var scale = TorchOps.TensorOf(Forward(same.Model, ops)).square().sum();
        scale.backward();
        var largest = same.Model.Weights.Where(weight => weight.Parameter.grad is not null && !weight.Name.StartsWith("mixture.", StringComparison.Ordinal)).Max(weight => weight.Parameter.grad!.abs().max().item<float>());
        Assert.All(same.Model.Weights.Where(weight => weight.Name.StartsWith("mixture.", StringComparison.Ordinal)),
            weight => Assert.InRange(weight.Parameter.grad!.abs().max().item<float>(), 0, 1e-5 * largest));
    }

    [Fact]
    public void MixedWeightsAreNotMixedOutputs()
    {
        var options = Options(ModelOptions.Decoder, gated: false);
        options.Activation = "relu";
        var scope = new LayerScope(1);
        var supernet = new TransformerSupernet(options, Mixed("layer"), Fine, Vocabulary, 1);
        float[] At(int? expert)
        {
            if (expert is { } one)
                Force(supernet, one);
            var ffn = supernet.Transformer.Stacks[0].Blocks[0].FeedForward!;
            using var noGrad = torch.no_grad();
            return Some.Floats(ffn.Forward(Some.Normal(new TorchOps(), 3, 4, 10)));
        }
        foreach (var router in Routers(supernet))
        {
            using var noGrad = torch.no_grad();
            router.Outer.Parameter.zero_();
            router.Bias.Parameter.zero_();
        }
        var mixed = At(null);
        var outputs = At(0).Zip(At(1), (a, b) => (a + b) / 2).ToArray();
        Assert.True(Difference(mixed, outputs) > 1e-3);
    }

    [Theory]
    [InlineData("layer")]
    [InlineData("neuron")]
    public void WhatAMixtureAddsIsCounted(string variant)
    {
        var (plain, mixed) = (Supernet(ModelOptions.Decoder), Supernet(ModelOptions.Decoder, Mixed(variant, 3)));
        long ffn = (10 * 9 * 3) + 9 + 9 + 10, features = Fine.Groups.Count;
        long Router(long outputs) => (features * 6) + 6 + (6 * outputs) + outputs;
        var routers = variant == "layer" ? Router(3) : Router(3 * 9) + Router(3 * 10);
        Assert.Equal(3 * ((2 * ffn) + routers), ModelCost.Parameters(mixed.Model).Total - ModelCost.Parameters(plain.Model).Total);
    }

    [Fact]
    public void FeaturesKnowNothingOfBlocksThatDoNotExist()
    {
        var options = new MixtureOptions();
        var features = new ArchitectureFeatures(Fine, options);
        Assert.Equal([1f, 1f / 3, 0.5f, 5f / 9], features.Of(Fine.Of(1, 0, 0, 1, 1, 0, 1, 1)));
        Assert.Equal([1f, 1f, 2.5f / 3, 1f], new ArchitectureFeatures(Fine, new() { Scales = [10, 3, 2, 9] }).Of(Fine.Of(1, 2, 1, 1, 0, 1, 1, 1)).Select(value => MathF.Round(value * 1e5f) / 1e5f).Select((value, i) => i == 2 ? 2.5f / 3 : value));
        Assert.Equal([0.6f, 1f / 3, 1f, 0, 0, 5f / 9, 0, 0], new ArchitectureFeatures(Fine, new() { Features = "fine" }).Of(Fine.Of(0, 0, 1, 1, 1, 0, 1, 1)));
        Assert.All(new ArchitectureFeatures(Fine, new() { Blind = true }).Of(Fine.Largest), value => Assert.Equal(0.5f, value));
    }

    [Fact]
    public void NeuronsOfSmallerSizesHaveTheSameProportions()
    {
        var features = new ArchitectureFeatures(Fine, new() { Blind = true }); // so that sizes alone differ
        var router = new MlpRouter(new LayerScope(4), features, 6, 3, 9);
        var ops = new TorchOps();
        var (large, small) = (Some.Floats(router.Proportions(ops, Fine.Largest, 9)), Some.Floats(router.Proportions(ops, Fine.Smallest, 5)));
        Assert.InRange(Difference(large[..15], small), 0, 1e-6);
        for (var neuron = 0; neuron < 9; neuron++)
            Assert.Equal(1, large[(3 * neuron)..(3 * neuron + 3)].Sum(), 1e-5);
    }

    [Fact]
    public void ScalesAndOffsetsThatDoNotFitAreNamed()
    {
        Assert.Contains("Scales has 2 numbers, but an architecture of 'fine' has 4 features", Assert.Throws<UserError>(() => new ArchitectureFeatures(Fine, new() { Scales = [1, 2] })).Message, StringComparison.Ordinal);
        Assert.Contains("Offsets has 1 numbers", Assert.Throws<UserError>(() => new ArchitectureFeatures(Fine, new() { Offsets = [1] })).Message, StringComparison.Ordinal);
        Assert.Contains("each must be above 0", Assert.Throws<UserError>(() => new ArchitectureFeatures(Fine, new() { Scales = [1, 0, 1, 1] })).Message, StringComparison.Ordinal);
        Assert.Contains("have weights of their own already", Assert.Throws<UserError>(() => Supernet(ModelOptions.MaskedLm, Mixed("layer"), Parts)).Message, StringComparison.Ordinal);
    }

    private static IEnumerable<(Weight Outer, Weight Bias)> Routers(TransformerSupernet supernet)
    {
        var weights = supernet.Model.Weights.ToDictionary(weight => weight.Name);
        return weights.Values.Where(weight => weight.Name.StartsWith("mixture.", StringComparison.Ordinal) && weight.Name.EndsWith(".outer", StringComparison.Ordinal) && weights.ContainsKey(weight.Name + "_bias"))
            .Select(weight => (weight, weights[weight.Name + "_bias"]));
    }

    /// <summary>All on one of two experts.</summary>
    private static void Force(TransformerSupernet supernet, int expert)
    {
        using var noGrad = torch.no_grad();
        foreach (var (outer, bias) in Routers(supernet))
        {
            outer.Parameter.zero_();
            bias.Parameter.copy_(torch.tensor(expert == 0 ? new[] { 60f, -60f } : [-60f, 60f]).repeat(bias.Shape[0] / 2));
        }
    }

    private static void Copy(TransformerSupernet from, TransformerSupernet to)
    {
        using var noGrad = torch.no_grad();
        var known = from.Model.Weights.ToDictionary(weight => weight.Name);
        foreach (var weight in to.Model.Weights.Where(weight => !weight.Name.StartsWith("mixture.", StringComparison.Ordinal)))
            weight.Parameter.copy_(known[weight.Name].Parameter);
    }
}
