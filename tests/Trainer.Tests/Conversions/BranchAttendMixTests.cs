using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Conversions;

public sealed class BranchAttendMixTests
{
    private const int Vocabulary = 11, Models = 3;
    private static readonly TorchOps Ops = new(training: false);

    [Theory]
    [InlineData("experts", 0)]
    [InlineData("shared", 0)]
    [InlineData("experts", 1)]
    public void OfIdenticalModelsTheAttentionAndAllMeansAreTheirs(string keyValues, int bias)
    {
        TrainedModel[] same = [.. Enumerable.Range(0, Models).Select(_ => Dense(1))];
        var target = Mixed(same, options => (options.AttentionBank.KeyValues, options.Router.Bias) = (keyValues, bias != 0));
        foreach (var name in new[] { "embedding", "head", "norm.weight", "layers.0.norm.weight", "layers.1.norm.weight" })
            Assert.Equal(Floats(same[0].Model, name), Floats(target, name));

        // With gates that sum to 1, any router makes the seed's attention of equal experts.
        var x = Some.Normal(Ops, 5, 2, 6, 16);
        Close(Some.Floats(AttentionOf(same[0].Model, "layers.1").Forward(x, Context(2, 6))), Some.Floats(AttentionOf(target, "layers.1").Forward(x, Context(2, 6))), 1e-5);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void ARouterThatAlwaysTakesOneExpertGivesThatModel(int chosen)
    {
        TrainedModel[] sources = [Dense(1), Dense(2), Dense(3)];
        var target = Mixed(sources, options => options.Router.Bias = true);
        using (no_grad())
        {
            foreach (var weight in target.Weights)
            {
                if (weight.Name.EndsWith("router.bias", StringComparison.Ordinal))
                    weight.Parameter.narrow(0, chosen, 1).fill_(30);
                else if (sources[chosen].Model.Weights.SingleOrDefault(own => own.Name == weight.Name) is { } own)
                    weight.Parameter.copy_(own.Parameter); // the means, un-averaged
            }
        }
        Close(Logits(sources[chosen].Model), Logits(target), 1e-4);
    }

    [Fact]
    public void SharedKeysAndValuesAreTheMeanAndEverythingElseOfAttentionIsCopied()
    {
        TrainedModel[] sources = [Dense(1), Dense(2), Dense(3)];
        var target = Mixed(sources, options => options.AttentionBank.KeyValues = "shared");
        using var noGrad = no_grad();
        Tensor[] qkv = [.. sources.Select(source => Of(source.Model, "layers.1.attention.qkv"))];
        Assert.True((Of(target, "layers.1.attention.key") - (qkv[0] + qkv[1] + qkv[2]).narrow(1, 16, 8) / 3).abs().max().item<float>() < 1e-6);
        Assert.True((Of(target, "layers.1.attention.value") - (qkv[0] + qkv[1] + qkv[2]).narrow(1, 24, 8) / 3).abs().max().item<float>() < 1e-6);
        for (var i = 0; i < Models; i++)
        {
            Assert.True(Of(target, "layers.1.attention.query")[i].equal(qkv[i].narrow(1, 0, 16)).all().item<bool>());
            Assert.True(Of(target, "layers.1.attention.output")[i].equal(Of(sources[i].Model, "layers.1.attention.output")).all().item<bool>());
            Assert.True(Of(target, "layers.0.moe.experts.gate")[i].equal(Of(sources[i].Model, "layers.0.ffn.gate")).all().item<bool>());
        }
    }

    [Fact]
    public void BtxTakesTheMeanOfAttentionAndRepeatsModelsForMoreExperts()
    {
        TrainedModel[] sources = [Dense(1), Dense(2)];
        var options = Moe(options => (options.AttentionBank.Experts, options.Experts) = (0, 3));
        var target = new DecoderLm(options, Vocabulary, 9);
        new BranchTrainMix().Apply(sources, target, options);
        using var noGrad = no_grad();
        Assert.True(Of(target, "layers.0.attention.qkv").allclose((Of(sources[0].Model, "layers.0.attention.qkv") + Of(sources[1].Model, "layers.0.attention.qkv")) / 2));
        for (var i = 0; i < 3; i++)
            Assert.True(Of(target, "layers.1.moe.experts.up")[i].equal(Of(sources[i % 2].Model, "layers.1.ffn.up")).all().item<bool>());
        Assert.Equal(Floats(new DecoderLm(options, Vocabulary, 9), "layers.1.moe.router.weight"), Floats(target, "layers.1.moe.router.weight"));
    }

    [Theory]
    [InlineData("experts")]
    [InlineData("shared")]
    public void TokenByTokenThroughTheCachesGivesTheLogitsOfOnePass(string keyValues)
    {
        var model = new DecoderLm(Moe(options => options.AttentionBank.KeyValues = keyValues), Vocabulary, 1);
        long[] ids = [3, 1, 4, 1, 5, 9, 2, 6];
        var whole = Logits(model);
        IReadOnlyDictionary<string, Value>? step = null;
        for (var i = 0; i < ids.Length; i++)
        {
            step = Step(model, [ids[i]], i, step);
            Close(whole[(i * Vocabulary)..((i + 1) * Vocabulary)], Some.Floats(step["logits"]), 1e-4);
        }
    }

    [Fact]
    public void OwnKeysAndValuesTakeTheCacheOfEachExpert()
    {
        long Bytes(string keyValues) => ModelCost.CacheBytesPerToken(new DecoderLm(Moe(options => options.AttentionBank.KeyValues = keyValues), Vocabulary, 1));
        Assert.Equal(2 * 2 * 8 * sizeof(float), Bytes("shared")); // layers, keys and values, 2 heads of 4
        Assert.Equal(Models * Bytes("shared"), Bytes("experts"));
    }

    [Fact]
    public void ACacheOfTheOtherVariantIsRefused()
    {
        var (own, shared) = (new DecoderLm(Moe(), Vocabulary, 1), new DecoderLm(Moe(options => options.AttentionBank.KeyValues = "shared"), Vocabulary, 1));
        var cache = Step(own, [3], 0, null);
        Assert.ThrowsAny<Exception>(() => Step(shared, [1], 1, cache));
    }

    [Fact]
    public void TheLanguageModelLossTrainsBothRouters()
    {
        var options = Moe(options => (options.Router.BalanceLoss, options.Router.ZLoss) = (0, 0));
        var model = new DecoderLm(options, Vocabulary, 1);
        var context = new ForwardContext(new TorchOps(training: true)) { SequenceLength = 6 };
        LanguageModelLoss.Of(model, new TokenBatch([3, 1, 4, 1, 5, 9], [1, 4, 1, 5, 9, 2], 1, 6), context).backward();
        foreach (var router in model.Weights.Where(weight => weight.Name.EndsWith("router.weight", StringComparison.Ordinal)))
            Assert.True(router.Parameter.grad!.abs().sum().item<float>() > 1e-6, router.Name);
        Assert.Equal(4, model.Weights.Count(weight => weight.Name.EndsWith("router.weight", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("one", "Start:Convert 'bam' makes an expert of each model, so it needs two or more, but Start:From names 1.")]
    [InlineData("sequential", "Start:Convert 'bam' needs models of the same form, but Model:Block is pre-norm in 'other' and parallel in this recipe.")]
    [InlineData("heads", "Start:Convert 'bam' needs models of the same form, but Model:Heads is 2 in 'other' and 4 in this recipe.")]
    [InlineData("norm", "Start:Convert 'bam' needs models of the same form, but Model:NormEpsilon is 0.001 in 'other' and 1E-05 in this recipe.")]
    [InlineData("hidden", "Start:Convert 'bam' needs layers.0.ffn.up of 'other' as [16,8], but it is [16,9].")]
    [InlineData("routed", "Start:Convert 'bam' takes dense models, but 'other' has routed layers.")]
    [InlineData("few", "Start:Convert 'bam' makes at least one expert of each of the 3 models in Start:From, but layers.0.attention.query has only 2 experts")]
    public void ModelsThatDoNotFitAreRefused(string difference, string message)
    {
        var other = difference switch
        {
            "sequential" => Dense(2, options => options.Block = "pre-norm"),
            "heads" => Dense(2, options => options.Heads = 2),
            "norm" => Dense(2, options => options.NormEpsilon = 1e-3),
            "hidden" => Dense(2, options => options.DenseHidden = 9),
            "routed" => Dense(2, options => (options.FirstDenseLayers, options.ExpertHidden) = (1, 8)),
            _ => Dense(2),
        };
        TrainedModel[] sources = difference switch { "one" => [other], "few" => [Dense(1), other, Dense(3)], _ => [Dense(1), other] };
        var error = Assert.Throws<UserError>(() => Mixed(sources, options => options.AttentionBank.Experts = 2));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheWordMustFitTheAttention()
    {
        TrainedModel[] sources = [Dense(1), Dense(2)];
        Assert.Contains("Model:AttentionBank:Experts is 0", Assert.Throws<UserError>(() => Mixed(sources, options => options.AttentionBank.Experts = 0)).Message, StringComparison.Ordinal);
        var options = Moe();
        Assert.Contains("use 'bam'", Assert.Throws<UserError>(() => new BranchTrainMix().Apply(sources, new DecoderLm(options, Vocabulary, 1), options)).Message, StringComparison.Ordinal);
        options = Moe(options => options.SharedExperts = 1);
        Assert.Contains("set Model:SharedExperts to 0", Assert.Throws<UserError>(() => new BranchAttendMix().Apply(sources, new DecoderLm(options, Vocabulary, 1), options)).Message, StringComparison.Ordinal);
    }

    private static ModelOptions Moe(Action<ModelOptions>? change = null)
    {
        var options = Some.SmallModel();
        (options.Block, options.FirstDenseLayers, options.SharedExperts) = ("parallel", 0, 0);
        (options.Experts, options.ExpertsPerToken, options.AttentionBank.Experts) = (Models, 1, Models);
        change?.Invoke(options);
        options.Check();
        return options;
    }

    private static TrainedModel Dense(long seed, Action<ModelOptions>? change = null)
    {
        var options = Moe(options => (options.FirstDenseLayers, options.DenseHidden, options.AttentionBank.Experts) = (2, 8, 0));
        change?.Invoke(options);
        var model = new DecoderLm(options, Vocabulary, seed);
        return new TrainedModel(model, new ModelManifest(ModelManifest.CurrentFormat, seed == 2 ? "other" : $"model {seed}", ModelManifest.CausalLanguageModel, DateTimeOffset.UnixEpoch, ModelCost.Parameters(model)));
    }

    private static DecoderLm Mixed(IReadOnlyList<TrainedModel> sources, Action<ModelOptions>? change = null)
    {
        var options = Moe(change);
        var target = new DecoderLm(options, Vocabulary, 9);
        new BranchAttendMix().Apply(sources, target, options);
        return target;
    }

    /// <summary>The attention layer of a block, built again from the model's weights.</summary>
    private static Attention AttentionOf(DecoderLm model, string block)
    {
        var options = model.Options;
        var scope = new LayerScope(0);
        Attention layer;
        if (options.AttentionBank.Experts == 0)
        {
            layer = new CausalSelfAttention(scope, options.HiddenSize, options.Heads, options.KvHeads, 1);
        }
        else
        {
            var routerScope = scope.Child("router");
            var head = new LinearScoreHead(routerScope, options.HiddenSize, Models, 1, options.Router.Bias);
            layer = new AttentionBank(scope, options.HiddenSize, options.Heads, options.KvHeads, options.AttentionBank.KeyValues == "shared", new SoftRouter(routerScope, head, Models), 1);
        }
        using var noGrad = no_grad();
        foreach (var weight in layer.Weights)
            weight.Parameter.copy_(Of(model, $"{block}.attention.{weight.Name}"));
        return layer;
    }

    private static ForwardContext Context(int rows, int length)
    {
        var rotary = new RotaryTable(12, 4, 10000);
        var positions = HostTensor.From(Enumerable.Range(0, rows * length).Select(i => (long)(i % length)).ToArray(), rows, length);
        return new ForwardContext(Ops) { Attention = new AttentionInput(Ops.Constant(positions), null, Ops.Constant(rotary.Cos), Ops.Constant(rotary.Sin)) };
    }

    private static float[] Logits(DecoderLm model)
    {
        long[] ids = [3, 1, 4, 1, 5, 9, 2, 6];
        return Some.Floats(model.Forward(Ops.Constant(HostTensor.From(ids, 1, 8)), Ops.Constant(HostTensor.From(Enumerable.Range(0, 8).Select(i => (long)i).ToArray(), 1, 8)), new ForwardContext(Ops)));
    }

    private static IReadOnlyDictionary<string, Value> Step(DecoderLm model, long[] ids, int past, IReadOnlyDictionary<string, Value>? previous)
    {
        var inputs = new Dictionary<string, Value>
        {
            ["input_ids"] = Ops.Constant(HostTensor.From(ids, 1, ids.Length)),
            ["position_ids"] = Ops.Constant(HostTensor.From(ids.Select((_, i) => (long)past + i).ToArray(), 1, ids.Length)),
            ["attention_mask"] = Ops.Constant(HostTensor.From(Enumerable.Repeat(1L, past + ids.Length).ToArray(), 1, past + ids.Length)),
        };
        foreach (var cache in model.Inputs.Where(input => CacheInput.Is(input.Name)).Select(input => new CacheInput(input.Name, input.Type, input.Dimensions)))
            inputs[cache.Name] = previous is null ? Ops.Constant(HostTensor.From(Array.Empty<float>(), cache.EmptyShape(1))) : previous[cache.Output];
        return model.Run(Ops, inputs);
    }

    private static Tensor Of(DecoderLm model, string name) => model.Weights.Single(weight => weight.Name == name).Parameter;

    private static float[] Floats(DecoderLm model, string name) => TorchTensors.ToHost(Of(model, name)).AsSpan<float>().ToArray();

    private static void Close(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }
}
