using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Experts;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Routers;

/// <summary>Invariants of SMoE-Dropout's router: frozen, and run with any number of experts (arXiv 2303.01610).</summary>
public class ActiveExpertsTests
{
    private const int Experts = 8, Width = 6;
    private static readonly TorchOps Ops = new(training: true);

    [Fact]
    public void AFrozenRouterIsTheSameBitForBitAfterTrainingAndInNoOptimizerGroup()
    {
        var options = Some.SmallModel();
        (options.Router.Frozen, options.Router.Bias, options.Router.BalanceLoss) = (true, true, 0.1);
        var model = new DecoderLm(options, 30, seed: 1);
        Weight[] router = [.. model.Weights.Where(weight => weight.Name.Contains(".router.", StringComparison.Ordinal))];
        var before = router.Select(weight => TorchTensors.ToHost(weight.Parameter).Data.ToArray()).ToArray();
        var trainer = new TrainerOptions { Steps = 5, BatchSize = 2, WeightDecay = 0.5, LearningRate = 0.1, WarmupSteps = 0 };
        using var optimizer = new WeightOptimizer(model.Weights, trainer);
        int[] tokens = [.. Enumerable.Range(0, 300).Select(i => i * i % 30)];
        var data = new TrainingMix([new TextDomain("text", 1, new TokenStream("train", tokens), new TokenStream("validation", tokens), new TokenStream("test", tokens))]);
        var step = new LanguageModelStep(model, optimizer, data, trainer, seed: 4, length: 12, device: null);
        for (var t = 0; t < trainer.Steps; t++)
            step.Run(t);

        Assert.Equal(["layers.1.moe.router.weight", "layers.1.moe.router.bias"], router.Select(weight => weight.Name));
        Assert.Equal(before, router.Select(weight => TorchTensors.ToHost(weight.Parameter).Data.ToArray()));
        Assert.DoesNotContain(optimizer.Moments(), moment => moment.Name.Contains(".router.", StringComparison.Ordinal));
    }

    [Fact]
    public void TheGradientStillFlowsThroughTheFrozenRouterIntoItsInput()
    {
        var (router, bank) = Layer();
        Tensor Gradient(bool detached)
        {
            var x = TorchOps.TensorOf(Some.Normal(Ops, 3, 10, Width)).clone().requires_grad_();
            var routing = router.Route(Ops.Value(x), new ForwardContext(Ops));
            if (detached)
                routing = routing with { Weights = Ops.Value(TorchOps.TensorOf(routing.Weights).detach()) };
            TorchOps.TensorOf(bank.Apply(Ops.Value(x), routing)).square().sum().backward();
            return x.grad!;
        }

        var (whole, part) = (Gradient(false), Gradient(true));
        Assert.All(Enumerable.Range(0, 10), t => Assert.True((whole[t] - part[t]).abs().max().item<float>() > 1e-3, $"Token {t} has no gradient through its weights."));
    }

    [Fact]
    public void WithAllExpertsTheOutputIsTheSumOfAllWithTheirSoftmaxWeights()
    {
        var (router, bank) = Layer();
        var x = Some.Normal(Ops, 4, 12, Width);
        var y = Some.Floats(bank.Apply(x, Route(router, x, Experts)));
        var logits = Some.Floats(x.MatMul(Ops.Weight(router.Weights[0])));
        var each = Enumerable.Range(0, Experts).Select(e => Some.Floats(bank.Apply(x, Only(e, 12)))).ToArray();
        for (var t = 0; t < 12; t++)
        {
            var weights = logits[(t * Experts)..((t + 1) * Experts)].Select(z => Math.Exp(z)).ToArray();
            for (var d = 0; d < Width; d++)
                Assert.Equal(Enumerable.Range(0, Experts).Sum(e => weights[e] / weights.Sum() * each[e][t * Width + d]), y[t * Width + d], 1e-5);
        }
    }

    [Fact]
    public void TheExpertsOfASmallerNumberAreAmongThoseOfALargerOneAndWeightsSumToOne()
    {
        var (router, _) = Layer();
        var x = Some.Normal(Ops, 5, 50, Width);
        var fewer = Enumerable.Repeat<long[]>([], 50).ToArray();
        for (var k = 1; k <= Experts; k++)
        {
            var routing = Route(router, x, k);
            var picks = Some.Longs(routing.Indices).Chunk(k).ToArray();
            Assert.All(fewer.Zip(picks), pair => Assert.Subset(pair.Second.ToHashSet(), pair.First.ToHashSet()));
            Assert.All(picks, row => Assert.Equal(k, row.Distinct().Count()));
            Assert.All(Some.Floats(routing.Weights).Chunk(k), row => Assert.Equal(1, row.Sum(), 1e-6));
            fewer = picks;
        }
    }

    [Fact]
    public void EqualScoresSelectTheLowerExperts()
    {
        var (router, _) = Layer(deviation: 0);
        Assert.All(Some.Longs(Route(router, Some.Normal(Ops, 6, 20, Width), 3).Indices).Chunk(3), row => Assert.Equal([0, 1, 2], row));
    }

    [Theory]
    [InlineData("Offered 0,2", "Model:Router:ActiveExperts:Offered has 0; numbers from 1 to Model:Experts 6 are possible.")]
    [InlineData("Offered 2,7", "Model:Router:ActiveExperts:Offered has 7; numbers from 1 to Model:Experts 6 are possible.")]
    [InlineData("Offered 4,2", "Model:Router:ActiveExperts:Offered is 4,2, which is not ascending.")]
    [InlineData("Offered 1,3", "Model:Router:ActiveExperts:Offered is 1,3, without Model:ExpertsPerToken 2, which those get who do not choose.")]
    [InlineData("linear 0", "Model:Router:ActiveExperts:Least is 0; a token needs at least 1 expert.")]
    [InlineData("cosine 3", "Model:Router:ActiveExperts:Least is 3, more than Model:ExpertsPerToken 2, to which the schedule grows.")]
    [InlineData("multi-step", "Model:Router:ActiveExperts:Schedule is multi-step, but Model:Router:ActiveExperts:Stages is empty; it needs the numbers of experts, such as 1,2,4,8.")]
    [InlineData("multi-step 1,8", "Model:Router:ActiveExperts:Stages has 8; numbers from 1 to Model:Experts 6 are possible.")]
    [InlineData("topp", "Model:Router:Selection is topp, which finds the number of experts by itself, but Model:Router:ActiveExperts sets it; that needs Model:Router:Selection=topk.")]
    public void SettingsThatDoNotGoTogetherAreRefused(string setting, string message)
    {
        var options = Some.SmallModel();
        var active = options.Router.ActiveExperts;
        var words = setting.Split(' ');
        int[] numbers = words.Length > 1 ? [.. words[1].Split(',').Select(int.Parse)] : [];
        if (words[0] == "topp")
            (options.Router.Selection, active.Offered) = ("topp", [1, 2]);
        else if (words[0] == "Offered")
            active.Offered = numbers;
        else if (words[0] == "multi-step")
            (active.Schedule, active.Stages) = (words[0], numbers);
        else
            (active.Schedule, active.Least) = (words[0], numbers[0]);
        Assert.Equal(message, Assert.Throws<UserError>(options.Check).Message);
    }

    [Fact]
    public void ModelsWhoseNumberOfExpertsCannotChangeAreRefusedASchedule()
    {
        var changes = new (Action<ModelOptions> Change, string Says)[]
        {
            (o => o.Chain.Iterations = 2, "Model:Chain:Iterations is 2, which shares a fixed number of experts out"),
            (o => (o.Backbone, o.KvHeads) = (ModelOptions.Encoder, 0), "Model:Backbone is encoder, but Model:Router:ActiveExperts sets the number of experts"),
        };
        foreach (var (change, says) in changes)
        {
            var options = Some.SmallModel();
            options.Router.ActiveExperts.Schedule = "linear";
            change(options);
            Assert.Contains(says, Assert.Throws<UserError>(options.Check).Message);
        }
    }

    [Fact]
    public void MoreExpertsThanThereAreAreRefused()
    {
        var options = Some.SmallModel();
        options.ExpertsPerToken = 7;
        Assert.Equal("Model:ExpertsPerToken is 7; there are only 6 routed experts.", Assert.Throws<UserError>(options.Check).Message);
    }

    private static (ScoreRouter Router, FfnExpertBank Bank) Layer(double deviation = 0.5)
    {
        var scope = new LayerScope(6);
        var frozen = scope.Child("router").Frozen();
        var router = new ScoreRouter(frozen, new LinearScoreHead(frozen, Width, Experts, deviation), new TopKSelector(4), WeightRule.Renormalized, [], Experts, 4);
        return (router, new FfnExpertBank(scope.Child("experts"), Experts, Width, 5, false, "relu", true, 0.5));
    }

    private static Routing Route(ScoreRouter router, Value x, long k) => router.Route(x, new ForwardContext(Ops) { ActiveExperts = Ops.Ints(k) });

    private static Routing Only(long expert, int tokens) =>
        new(Ops.Constant(HostTensor.From(Enumerable.Repeat(expert, tokens).ToArray(), tokens, 1)), Ops.Constant(HostTensor.From(Enumerable.Repeat(1f, tokens).ToArray(), tokens, 1)));
}
