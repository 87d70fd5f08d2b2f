using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Tests.Routers;

/// <summary>Invariants of the layerwise recurrent router (arXiv 2408.06793).</summary>
public class RecurrentScoreHeadTests
{
    private const int Size = 6;
    private const int Width = 4;
    private const int Experts = 5;
    private const int Depth = 3;
    private static readonly TorchOps Ops = new(training: true);

    [Fact]
    public void HasThePapersParameterCountTheCellOnce()
    {
        var options = new ModelOptions { Layers = 8, HiddenSize = 352, Heads = 8, Experts = 16, ExpertsPerToken = 2, ExpertHidden = 1, SharedExperts = 0 };
        options.Router.Scores = "recurrent";
        options.Check();
        var model = new DecoderLm(options, 2, 1);
        var router = model.Weights.Where(weight => weight.Name.Contains("router", StringComparison.Ordinal)).ToArray();

        Assert.Equal(475_904, router.Sum(weight => weight.Parameter.numel()));
        Assert.Equal(["router.cell.input", "router.cell.state", "router.cell.input_bias", "router.cell.state_bias"], router.Where(weight => !weight.Name.Contains("layers")).Select(weight => weight.Name));
    }

    [Fact]
    public void IsTheRecursionOverTheLayersWrittenOut()
    {
        var stack = Stack();
        var inputs = Inputs();
        var actual = Run(stack, inputs);
        var state = inputs[0].Scalar(0).Expand(Ops.Ints(7, Width));
        for (var l = 0; l < Depth; l++)
        {
            state = stack.Cell.Next(inputs[l].MatMul(stack.Projections[l]), [state])[0];
            Close(Some.Floats(stack.Scores[l].Score(state, new ForwardContext(Ops))), actual[l]);
        }
    }

    [Fact]
    public void PermutingTheTokensPermutesTheScores()
    {
        var (stack, inputs) = (Stack(), Inputs());
        var order = Ops.Ints(3, 0, 6, 5, 1, 4, 2);
        var expected = Run(stack, inputs);
        var permuted = Run(stack, [.. inputs.Select(x => x.Gather(order))]);

        for (var l = 0; l < Depth; l++)
            Close(Some.Floats(Ops.Constant(HostTensor.From(expected[l], 7, Experts)).Gather(order)), permuted[l]);
    }

    [Fact]
    public void ASplitBatchGivesTheSameScoresAndASecondPassToo()
    {
        var (stack, inputs) = (Stack(), Inputs());
        var whole = Run(stack, inputs);
        var first = Run(stack, [.. inputs.Select(x => x.Slice(0, 0, 3))]);
        var second = Run(stack, [.. inputs.Select(x => x.Slice(0, 3, 7))]);

        for (var l = 0; l < Depth; l++)
            Close(whole[l], [.. first[l], .. second[l]]);
        Assert.Equal(whole, Run(stack, inputs));
    }

    [Theory]
    [InlineData(true, false, true)]
    [InlineData(false, false, false)]
    [InlineData(true, true, false)]
    public void TheLastLayersScoresReachTheFirstLayersProjectionOnlyThroughAPassedState(bool pass, bool detach, bool reaches)
    {
        var stack = Stack(pass, detach);
        var context = new ForwardContext(Ops);
        var last = Inputs().Select((x, l) => stack.Heads[l].Score(x, context)).ToArray()[^1]; // the inputs are constants: no other path
        TorchOps.TensorOf(last).sum().backward();

        Assert.True(Gradient(stack.Projections[^1]) > 1e-4);
        Assert.Equal(reaches, Gradient(stack.Projections[0]) > 1e-6);
        if (!reaches)
            Assert.Equal(0, Gradient(stack.Projections[0]));
    }

    [Fact]
    public void ADetachedStateIsStillPassed()
    {
        Assert.Equal(Run(Stack(), Inputs()), Run(Stack(detach: true), Inputs()));
        Assert.NotEqual(Run(Stack(), Inputs())[^1], Run(Stack(pass: false), Inputs())[^1]);
    }

    [Fact]
    public void ACellOfZerosMakesUniformScoresSoThatTheLowerExpertsWin()
    {
        var stack = Stack();
        using (TorchSharp.torch.no_grad())
        {
            foreach (var weight in stack.Cell.Weights)
                weight.Parameter.zero_();
        }
        var router = new ScoreRouter(new LayerScope(1), stack.Heads[0], new TopKSelector(3), WeightRule.Renormalized, [], Experts, 3);
        var routing = router.Route(Inputs()[0], new ForwardContext(Ops));

        Assert.All(Some.Floats(routing.Probabilities!), p => Assert.Equal(1f / Experts, p, 1e-6));
        Assert.All(Some.Longs(routing.Indices).Chunk(3), row => Assert.Equal([0, 1, 2], row));
        Assert.All(Some.Floats(routing.Weights), w => Assert.Equal(1f / 3, w, 1e-6));
    }

    [Fact]
    public void ADenseLayerBetweenTwoRoutedOnesLeavesTheState()
    {
        var (stack, inputs) = (Stack(), Inputs());
        var context = new ForwardContext(Ops);
        var dense = new FeedForward(new LayerScope(8), Size, 7, true, "silu", false, 0.5);
        stack.Heads[0].Score(inputs[0], context);
        dense.Forward(inputs[1], context);

        var without = new ForwardContext(Ops);
        stack.Heads[0].Score(inputs[0], without);
        Assert.Equal(Some.Floats(stack.Heads[2].Score(inputs[2], without)), Some.Floats(stack.Heads[2].Score(inputs[2], context)));
    }

    [Fact]
    public void TheResidualAddsTheScoresOfTheLayersBefore()
    {
        var inputs = Inputs();
        var (plain, added) = (Run(Stack(), inputs), Run(Stack(residual: 0.5), inputs));

        Close(plain[0], added[0]);
        Close([.. plain[1].Zip(plain[0], (s, r) => s + 0.5f * r)], added[1]);
        Close([.. plain[2].Zip(added[1], (s, r) => s + 0.5f * r)], added[2]);
    }

    [Theory]
    [InlineData("none", 0)]
    [InlineData("scores", 2)]
    [InlineData("scores-and-cell", 6)]
    public void WhatIsFrozenIsLeftOutOfTraining(string frozen, int weights)
    {
        var options = Recurrent();
        options.Router.Recurrent.Frozen = frozen;
        Assert.Equal(weights, new DecoderLm(options, 11, 1).Weights.Count(weight => !weight.IsTrainable));
    }

    [Theory]
    [InlineData("layerwise", 2)]
    [InlineData("shared", 1)]
    public void ASharedProjectorIsThereOnce(string projector, int weights)
    {
        var options = Recurrent();
        options.Router.Recurrent.Projector = projector;
        Assert.Equal(weights, new DecoderLm(options, 11, 1).Weights.Count(weight => weight.Name.EndsWith("projection", StringComparison.Ordinal)));
    }

    [Fact]
    public void SettingsThatDoNotGoTogetherAreNamed()
    {
        var options = Recurrent();
        (options.Router.Recurrent.Pass, options.Router.Recurrent.Detach) = (false, true);
        Assert.StartsWith("Model:Router:Recurrent:Detach is true, but Model:Router:Recurrent:Pass is false", Assert.Throws<UserError>(options.Check).Message, StringComparison.Ordinal);

        options = Recurrent();
        (options.PreGate.Layers, options.ExpertsPerToken, options.SharedExperts) = (1, 1, 0);
        Assert.StartsWith("Model:Router:Scores is recurrent, but a router before the model", Assert.Throws<UserError>(options.Check).Message, StringComparison.Ordinal);

        options = Recurrent();
        options.FirstDenseLayers = options.Layers;
        Assert.Equal($"Model:Router:Scores is recurrent, but there is no routed layer to score for: Model:FirstDenseLayers is {options.Layers} of {options.Layers}.", Assert.Throws<UserError>(options.Check).Message);
    }

    private static ModelOptions Recurrent()
    {
        var options = Some.SmallModel();
        (options.Layers, options.Router.Scores, options.Router.Recurrent.Width) = (3, "recurrent", 8);
        options.Check();
        return options;
    }

    private static Value[] Inputs() => [.. Enumerable.Range(0, Depth).Select(l => Some.Normal(Ops, 40 + l, 7, Size))];

    private static (DepthCell Cell, Weight[] Projections, LinearScoreHead[] Scores, RecurrentScoreHead[] Heads) Stack(bool pass = true, bool detach = false, double residual = 0)
    {
        var scope = new LayerScope(5);
        var cell = new GruCell(scope.Child("cell"), Width, 0.8);
        var projections = Enumerable.Range(0, Depth).Select(l => scope.Child($"{l}").Normal("projection", 0.6, Size, Width)).ToArray();
        var scores = Enumerable.Range(0, Depth).Select(l => new LinearScoreHead(scope.Child($"{l}"), Width, Experts, 1)).ToArray();
        return (cell, projections, scores,
            [.. Enumerable.Range(0, Depth).Select(l => new RecurrentScoreHead(scope, projections[l], cell, scores[l]) { Pass = pass, Detach = detach, LogitResidual = residual })]);
    }

    private static float[][] Run((DepthCell Cell, Weight[] Projections, LinearScoreHead[] Scores, RecurrentScoreHead[] Heads) stack, Value[] inputs)
    {
        var context = new ForwardContext(Ops);
        return [.. stack.Heads.Select((head, l) => Some.Floats(head.Score(inputs[l], context)))];
    }

    private static double Gradient(Weight weight) => weight.Parameter.grad is { } gradient ? gradient.abs().max().item<float>() : 0;

    private static void Close(float[] expected, float[] actual) => Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
}
