using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Objectives;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Layers;

/// <summary>Invariants of Chain-of-Experts (arXiv 2506.18945).</summary>
public class ChainedLayerTests
{
    private const int Size = 6;
    private const int Experts = 8;
    private const int Vocabulary = 11;
    private static readonly TorchOps Ops = new(training: false);
    private static readonly HostTensor Ids = HostTensor.From([3L, 1, 4, 1, 5, 9], 1, 6);

    [Fact]
    public void AChainOfOneIsThePlainRoutedLayer()
    {
        var links = Links(1);
        var x = Some.Normal(Ops, 2, 2, 5, Size);
        var plain = links[0].Forward(x, Context());

        Assert.Equal(Some.Floats(plain), Some.Floats(Chain(links).Forward(x, Context())));
        Assert.Equal(Some.Floats(x + plain), Some.Floats(Chain(links, keepsEntrance: true).Forward(x, Context())));
        Assert.Equal(Logits(Model(_ => { })), Logits(Model(o => o.Chain.Iterations = 1)));
    }

    [Fact]
    public void EachIterationIsRoutedByWhatTheOneBeforeMade()
    {
        var (router1, router2, bank, shared) = (Router(1), Router(2), Bank(), Shared());
        var chain = Chain([Link(0, router1, bank, shared), Link(1, router2, bank, shared)], keepsEntrance: true);
        var x0 = Some.Normal(Ops, 2, 1, 30, Size);
        var context = Context();
        var y = chain.Forward(x0, context);

        Value Step(Router router, Value x)
        {
            var tokens = x.Reshape(-1, Size);
            return (tokens + shared.Forward(tokens) + bank.Apply(tokens, router.Route(tokens, Context()))).Reshape(1, 30, Size);
        }
        var x1 = Step(router1, x0);
        Close(Some.Floats(Step(router2, x1)), Some.Floats(y), 1e-5);
        long[] Picks(Router router, Value x) => Some.Longs(router.Route(x.Reshape(-1, Size), Context()).Indices);
        Assert.Equal(Picks(router1, x0), Some.Longs(context.Routings[0].Routing.Indices));
        Assert.Equal(Picks(router2, x1), Some.Longs(context.Routings[1].Routing.Indices));
        Assert.NotEqual(Picks(router2, x0), Picks(router2, x1));
    }

    [Fact]
    public void WithoutTheInnerResidualAnIterationReadsOnlyTheResultBefore()
    {
        var links = Links(2);
        var x = Some.Normal(Ops, 2, 1, 5, Size);
        var expected = links[1].Forward(links[0].Forward(x, Context()), Context());

        Assert.Equal(Some.Floats(expected), Some.Floats(new ChainedLayer(new LayerScope(0), links, inner: false, keepsEntrance: false).Forward(x, Context())));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void AnIterationMoreCostsOneRouterOfParameters(int iterations)
    {
        static long Parameters(Action<ModelOptions> change) => ModelCost.Parameters(Model(change)).Total;
        static void FourExperts(ModelOptions o) => o.ExpertsPerToken = 4;
        var one = Parameters(FourExperts);
        // Two layers of 8 experts at width 16.
        Assert.Equal(one + 2 * (iterations - 1) * 8 * 16, Parameters(o => { FourExperts(o); o.Chain.Iterations = iterations; }));
        Assert.Equal(one, Parameters(o => { FourExperts(o); (o.Chain.Iterations, o.Chain.Gate) = (iterations, "shared-weights"); }));
        Assert.Equal(one, Parameters(o => { FourExperts(o); (o.Chain.Iterations, o.Chain.Gate) = (iterations, "shared-choice"); }));
    }

    public static TheoryData<string, Action<ModelOptions>, int, int> Bases() => new()
    {
        // How often the stream and its normalized copy are in what a block leaves.
        { "raw", o => o.Chain.Iterations = 2, 1, 0 },
        { "normed", o => (o.Chain.Iterations, o.Chain.Base) = (2, "normed"), 0, 1 },
        { "normed, outer too", o => (o.Chain.Iterations, o.Chain.Base, o.Chain.Outer) = (2, "normed", true), 1, 1 },
        { "outer alone", o => (o.Chain.Iterations, o.Chain.Inner, o.Chain.Outer) = (2, false, true), 1, 0 },
        { "outer alone, normed", o => (o.Chain.Iterations, o.Chain.Base, o.Chain.Inner, o.Chain.Outer) = (2, "normed", false, true), 1, 0 },
        { "a baseline of one iteration, normed", o => o.Chain.Base = "normed", 0, 1 },
    };

    [Theory]
    [MemberData(nameof(Bases))]
    public void ExpertsThatGiveNothingLeaveTheBase(string name, Action<ModelOptions> change, int stream, int normed)
    {
        _ = name;
        var model = Model(o => { o.Layers = 1; change(o); });
        Weight Named(string weight) => model.Weights.Single(w => w.Name == weight);
        using var noGrad = no_grad();
        foreach (var weight in model.Weights.Where(w => w.Name.EndsWith("attention.output", StringComparison.Ordinal) || w.Name.EndsWith(".down", StringComparison.Ordinal)))
            weight.Parameter.zero_();
        Named("layers.0.ffn_norm.weight").Parameter.copy_(linspace(-1, 2, 16)); // else the last norm would hide the first

        var h = Ops.Weight(Named("embedding")).Gather(Ops.Constant(Ids));
        var left = h * stream + h.RmsNorm(Ops.Weight(Named("layers.0.ffn_norm.weight")), 1e-5f) * normed;
        var expected = left.RmsNorm(Ops.Weight(Named("norm.weight")), 1e-5f).MatMul(Named("head"));
        Close(Some.Floats(expected), Logits(model), 1e-5);
    }

    [Fact]
    public void TheSecondIterationTeachesTheFirst()
    {
        var training = new TorchOps(training: true);
        var links = Links(2, shared: false);
        var x = Some.Normal(training, 2, 1, 3, Size);
        var context = new ForwardContext(training);
        var second = Chain(links).Forward(x, context) - links[0].Forward(x, new ForwardContext(training)); // the outputs of iteration 2 alone
        TorchOps.TensorOf(second).sum().backward();

        Assert.True(links[0].Router.Weights[0].Parameter.grad!.abs().max().item<float>() > 1e-6);
        var firstOnly = Some.Longs(context.Routings[0].Routing.Indices).Except(Some.Longs(context.Routings[1].Routing.Indices)).ToArray();
        Assert.NotEmpty(firstOnly);
        foreach (var expert in firstOnly)
            Assert.True(links[0].Experts.Weights[0].Parameter.grad![expert].abs().max().item<float>() > 1e-6);
    }

    [Fact]
    public void SharedExpertsRunInEveryIterationOrOnce()
    {
        static double Flops(bool once) => ModelCost.Flops(Model(o => (o.Chain.Iterations, o.Chain.SharedOnce) = (2, once)), new CostContext(1)).Single(cost => cost.Part == "shared experts").Flops;
        Assert.Equal(2 * Flops(once: true), Flops(once: false));

        var (silent, shared) = (Bank(), Shared());
        using (no_grad())
            silent.Weights[1].Parameter.zero_(); // down
        var x = Some.Normal(Ops, 2, 1, 4, Size);
        var first = shared.Forward(x);
        var every = Chain([Link(0, Router(1), silent, shared), Link(1, Router(2), silent, shared)]).Forward(x, Context());
        var one = Chain([Link(0, Router(1), silent, shared), Link(1, Router(2), silent, null)]).Forward(x, Context());
        Close(Some.Floats(first + shared.Forward(x + first)), Some.Floats(every), 1e-6);
        Close(Some.Floats(first), Some.Floats(one), 1e-6);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void TheBalanceLossOfUniformRoutersIsItsCoefficientForEachIteration(int iterations)
    {
        var training = new TorchOps(training: true);
        var context = new ForwardContext(training) { SequenceLength = 5 };
        var bank = Bank();
        var links = Enumerable.Range(0, iterations).Select(t => Link(t, Router(t, deviation: 0, new BalanceLoss(Experts, 0.001, perSequence: true)), bank, null)).ToArray();
        Chain(links).Forward(Some.Normal(training, 2, 2, 5, Size), context);

        Assert.Equal(iterations, context.Losses.Count);
        Assert.Equal(0.001 * iterations, context.Losses.Sum(loss => (double)Some.Floats(loss.Loss).Single()), 1e-6);
    }

    [Fact]
    public void ASharedChoiceIsTheFirstOneAndSharedWeightsChooseAgain()
    {
        static (long[] First, long[] Second) Picks(string gate)
        {
            var context = Context();
            Logits(Model(o => (o.Chain.Iterations, o.Chain.Gate) = (2, gate)), context);
            return (Some.Longs(context.Routings[0].Routing.Indices), Some.Longs(context.Routings[1].Routing.Indices));
        }
        var choice = Picks("shared-choice");
        Assert.Equal(choice.First, choice.Second);
        var weights = Picks("shared-weights");
        Assert.Equal(choice.First, weights.First);
        Assert.NotEqual(weights.First, weights.Second);
    }

    [Fact]
    public void SitesAreNamedByLayerAndIteration()
    {
        var model = Model(o => o.Chain.Iterations = 2);
        Assert.Equal([new RoutingSite(0), new RoutingSite(0, 1), new RoutingSite(1), new RoutingSite(1, 1)], model.RoutedLayers.Select(layer => layer.Site));
        Assert.Equal(["routing.0.indices", "routing.0.1.indices", "routing.1.indices", "routing.1.1.indices"],
            model.Outputs.Select(output => output.Name).Where(name => name.EndsWith("indices", StringComparison.Ordinal)));
    }

    [Fact]
    public void ATokenMeetsNoMoreExpertsThanThereAre()
    {
        var all = ModelCost.Parameters(Model(o => (o.ExpertsPerToken, o.Chain.Iterations) = (8, 2)));
        Assert.Equal(all.Total, all.Active);
        var half = ModelCost.Parameters(Model(o => (o.ExpertsPerToken, o.Chain.Iterations) = (4, 2)));
        Assert.Equal(all.Total - 2 * 4 * 3 * 16 * 8, half.Active); // 2 layers without 4 gated experts
    }

    [Fact]
    public void ADeepNormedChainStaysFinite()
    {
        var model = Model(o => (o.Layers, o.ExpertsPerToken, o.Chain.Iterations, o.Chain.Base, o.InitialDeviation) = (6, 8, 4, "normed", 0.1));
        var sizes = new Dictionary<RoutingSite, double>();
        var context = new ForwardContext(Ops) { Watch = (layer, x) => sizes[layer.Site] = Math.Sqrt(Some.Floats(x).Average(v => (double)v * v)) };
        Assert.All(Logits(model, context), logit => Assert.True(float.IsFinite(logit)));
        Assert.Equal(6 * 4, sizes.Count);
        Assert.All(sizes, size => Assert.InRange(size.Value, 0.1, 1e3));
    }

    [Fact]
    public void BanksOfTheirOwnAreNoChain() =>
        Assert.Contains("share one bank", Assert.Throws<ArgumentException>(() => Chain([Link(0, Router(1), Bank(), null), Link(1, Router(2), Bank(), null)])).Message);

    public static TheoryData<string, Action<ModelOptions>> Mistakes() => new()
    {
        { "Model:ExpertsPerToken is 3, the sum over all iterations, which Model:Chain:Iterations 2 does not divide.", o => (o.ExpertsPerToken, o.Chain.Iterations) = (3, 2) },
        { "Model:Chain:Inner and Model:Chain:Outer are both off", o => o.Chain.Inner = false },
        { "Model:Chain:Base is raw, with which the residual stream is already in the result;", o => o.Chain.Outer = true },
        { "Model:Residual:Kind is heavy-ball, but a chain of Model:Chain:Base=normed replaces the residual stream", o => (o.Residual.Kind, o.Chain.Base) = ("heavy-ball", "normed") },
        { "Model:Chain:Base is normed, but blocks of Model:Block=post-norm", o => (o.Block, o.Chain.Base) = ("post-norm", "normed") },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void SettingsThatDoNotGoTogetherAreRefused(string message, Action<ModelOptions> change) =>
        Assert.StartsWith(message, Assert.Throws<UserError>(() => Options(change)).Message, StringComparison.Ordinal);

    [Fact]
    public void BothResidualsOffIsAnAblationThatMustBeAskedFor() =>
        Assert.All(Logits(Model(o => (o.Chain.Iterations, o.Chain.Inner, o.Chain.Unsafe) = (2, false, true))), logit => Assert.True(float.IsFinite(logit)));

    private static RoutedLayer[] Links(int count, bool shared = true)
    {
        var (bank, always) = (Bank(), shared ? Shared() : null);
        return [.. Enumerable.Range(0, count).Select(t => Link(t, Router(t + 1), bank, always))];
    }

    private static ChainedLayer Chain(RoutedLayer[] links, bool keepsEntrance = false) => new(new LayerScope(0), links, inner: true, keepsEntrance);

    private static RoutedLayer Link(int iteration, Router router, ExpertBank bank, FeedForward? shared) => new(new LayerScope(0), 3, Size, router, bank, shared) { Iteration = iteration };

    private static FfnExpertBank Bank() => new(new LayerScope(8), Experts, Size, 10, true, "silu", false, 0.5);

    private static FeedForward Shared() => new(new LayerScope(9), Size, 10, true, "silu", false, 0.5);

    private static ScoreRouter Router(int seed, double deviation = 1, params RouterLoss[] losses)
    {
        var scope = new LayerScope(seed);
        return new ScoreRouter(scope, new LinearScoreHead(scope, Size, Experts, deviation), new TopKSelector(2), WeightRule.Softmax, losses, Experts, 2);
    }

    private static ModelOptions Options(Action<ModelOptions> change)
    {
        var options = Some.SmallModel();
        (options.FirstDenseLayers, options.Experts) = (0, Experts);
        change(options);
        options.Check();
        return options;
    }

    private static DecoderLm Model(Action<ModelOptions> change) => new(Options(change), Vocabulary, 1);

    private static ForwardContext Context() => new(Ops);

    private static float[] Logits(DecoderLm model, ForwardContext? context = null)
    {
        var positions = Ops.Constant(HostTensor.From([0L, 1, 2, 3, 4, 5], 1, 6));
        return Some.Floats(model.Forward(Ops.Constant(Ids), positions, context ?? Context()));
    }

    private static void Close(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], tolerance);
    }
}
