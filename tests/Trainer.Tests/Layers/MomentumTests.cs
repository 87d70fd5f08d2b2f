using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Tests.Layers;

/// <summary>Invariants of MomentumSMoE (arXiv 2410.14574).</summary>
public class MomentumTests
{
    private static readonly TorchOps Ops = new(training: false);

    [Fact]
    public void WithoutMomentumAndAStepOfOneItIsThePlainModel() =>
        Close(Logits(Options(o => o.Residual.Kind = "plain")), Logits(Options(o => o.Residual.Momentum = 0)), 1e-6);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AConstantLayerGivesTheClosedForm(bool subtract)
    {
        const double mu = 0.7, gamma = 0.5, c = 2;
        var residual = new HeavyBallResidual(Factors(mu, gamma), subtract);
        var context = new ForwardContext(Ops);
        var x = Number(1);
        var sum = 0.0;
        for (var layer = 1; layer <= 12; layer++)
        {
            x = residual.Add(x, _ => Number(c), context);
            sum += c * (1 - Math.Pow(mu, layer)) / (1 - mu);
            Assert.Equal(1 + (subtract ? -gamma : gamma) * sum, Read(x), 1e-4);
        }
    }

    [Fact]
    public void ExpertsOfTheOtherSignTurnAdditionIntoSubtraction()
    {
        var plus = new DecoderLm(Options(_ => { }), 11, 1);
        var minus = new DecoderLm(Options(o => o.Residual.Sign = "minus"), 11, 1);
        using (TorchSharp.torch.no_grad())
        {
            foreach (var weight in minus.Weights.Where(w => w.Name.EndsWith("experts.down", StringComparison.Ordinal) || w.Name.EndsWith("experts.down_bias", StringComparison.Ordinal)))
                weight.Parameter.neg_();
        }
        Close(Logits(plus), Logits(minus), 1e-6);
    }

    [Fact]
    public void EachLayerAddsItsStepAndMuTimesTheDisplacementBefore()
    {
        const double mu = 0.6, gamma = 0.8;
        var residual = new HeavyBallResidual(Factors(mu, gamma), subtract: false);
        var context = new ForwardContext(Ops);
        static Value F(Value x) => (x * 1.3 + 0.2).Tanh();
        var stream = new List<Value> { Some.Normal(Ops, 1, 2, 3, 4) };
        for (var layer = 0; layer < 5; layer++)
            stream.Add(residual.Add(stream[^1], F, context));
        for (var l = 1; l < 5; l++)
            Close(Some.Floats(stream[l] + F(stream[l]) * gamma + (stream[l] - stream[l - 1]) * mu), Some.Floats(stream[l + 1]), 1e-5);
    }

    [Fact]
    public void TheRobustFormLooksAheadAlongTheDisplacement()
    {
        var residual = new RobustResidual(0.6, 4, 1);
        Assert.Equal(4 * 0.16 * 1.6, residual.Step, 1e-12);
        Assert.Equal(4 * 0.216 / 3, residual.Momentum, 1e-12);
        Assert.Equal(0.216 / (3 * 0.16 * 1.6), residual.LookAhead, 1e-12);

        static Value F(Value x) => x.Tanh();
        var context = new ForwardContext(Ops);
        var x0 = Some.Normal(Ops, 2, 1, 3, 4);
        var x1 = residual.Add(x0, F, context);
        var x2 = residual.Add(x1, F, context);
        Close(Some.Floats(x0 + F(x0) * residual.Step), Some.Floats(x1), 1e-5);
        var d = x1 - x0;
        Close(Some.Floats(x1 + d * residual.Momentum + F(x1 + d * residual.LookAhead) * residual.Step), Some.Floats(x2), 1e-5);
    }

    [Fact]
    public void AdamsFirstStepSaturatesAndStartsTheMomentumBehindIt()
    {
        var factors = Factors(0.7, 1);
        var context = new ForwardContext(Ops);
        var x = new AdamResidual(factors, 0.9, 0.999, 0, subtract: false).Add(Number(0), _ => Number(1), context);
        Assert.Equal(3.1623, Read(x), 1e-3);
        Assert.Equal(Read(x) + 0.7 + 1, Read(new HeavyBallResidual(factors, subtract: false).Add(x, _ => Number(1), context)), 1e-4);
        Assert.Equal(3.1623 - 5, Read(new AdamResidual(factors, 0.9, 0.999, 1, false).Add(Number(5), _ => Number(1), new ForwardContext(Ops))) - 5, 1e-3);
    }

    [Fact]
    public void AdamsGradientIsFiniteWhereTheLayerIsZero()
    {
        var training = new TorchOps(training: true);
        var f = TorchSharp.torch.zeros(1, 1, 1, requires_grad: true);
        var x = new AdamResidual(Factors(0.7, 1), 0.9, 0.999, 0, false).Add(training.Constant(HostTensor.From([0f], 1, 1, 1)), _ => training.Value(f), new ForwardContext(training));
        TorchOps.TensorOf(x).sum().backward();
        Assert.True(float.IsFinite(f.grad!.item<float>()));
    }

    [Fact]
    public void AdamsGradientIsNearlyZeroWhereTheLayerIsLarge()
    {
        var training = new TorchOps(training: true);
        var f = TorchSharp.torch.ones(1, 1, 1, requires_grad: true);
        var x = new AdamResidual(Factors(0.7, 1), 0.9, 0.999, 0, false).Add(training.Constant(HostTensor.From([0f], 1, 1, 1)), _ => training.Value(f), new ForwardContext(training));
        TorchOps.TensorOf(x).sum().backward();
        Assert.InRange(f.grad!.item<float>(), 0, 1e-4);
    }

    [Fact]
    public void TheFirstStepReachesTheEndThroughAllPowersOfMu()
    {
        const double mu = 0.6;
        var training = new TorchOps(training: true);
        var first = TorchSharp.torch.ones(1, 1, 1, requires_grad: true);
        var residual = new HeavyBallResidual(Factors(mu, 1), subtract: false);
        var context = new ForwardContext(training);
        Value x = training.Constant(HostTensor.From([0f], 1, 1, 1));
        for (var layer = 0; layer < 4; layer++)
            x = residual.Add(x, y => layer == 0 ? training.Value(first) : y.Scalar(0), context);
        TorchOps.TensorOf(x).sum().backward();
        Assert.Equal(1 + mu + mu * mu + mu * mu * mu, first.grad!.item<float>(), 1e-5);
    }

    [Theory]
    [InlineData(-8)]
    [InlineData(8)]
    public void LearnedFactorsCannotLeaveTheirBounds(float weight)
    {
        var scope = new LayerScope(1);
        var factors = new MomentumFactors(scope, 0.7, 1, learned: true);
        using (TorchSharp.torch.no_grad())
        {
            foreach (var learned in scope.Weights)
                learned.Parameter.fill_(weight);
        }
        Assert.InRange(Read(factors.Momentum(Number(1))), 1e-9, 1 - 1e-5);
        Assert.True(Read(factors.Step(Number(1))) > 0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.5)]
    [InlineData(0.9)]
    [InlineData(-0.5)]
    public void ALinearLayerIsStableUpToTwiceOnePlusMu(double mu)
    {
        Assert.True(Growth(mu, 0.97 * 2 * (1 + mu)) < 1);
        Assert.True(Growth(mu, 1.03 * 2 * (1 + mu)) > 1);

        // |x| after 400 layers f = -lambda x, against after 200.
        static double Growth(double mu, double lambda)
        {
            var residual = new HeavyBallResidual(Factors(mu, 1), subtract: false);
            var context = new ForwardContext(Ops);
            var x = Ops.Constant(HostTensor.From([1.0], 1, 1, 1)) as Value;
            var middle = 0.0;
            for (var layer = 1; layer <= 400; layer++)
            {
                x = residual.Add(x, y => -(y * lambda), context);
                if (layer is > 100 and <= 200)
                    middle = Math.Max(middle, Math.Abs(((TorchValue)x).ToHost().AsSpan<double>()[0]));
            }
            return Math.Abs(((TorchValue)x).ToHost().AsSpan<double>()[0]) / middle;
        }
    }

    [Theory]
    [InlineData("heavy-ball", "pre-norm")]
    [InlineData("adam", "post-norm")]
    [InlineData("robust", "pre-norm")]
    public void NothingIsKeptFromPassToPassOrFromRowToRow(string kind, string block)
    {
        var model = new DecoderLm(Options(o => (o.Residual.Kind, o.Block) = (kind, block)), 11, 1);
        Assert.Equal(Logits(model), Logits(model));
        var alone = Logits(model, [[3, 1, 4, 1]]);
        Close(alone, Logits(model, [[3, 1, 4, 1], [9, 2, 6, 5]])[..alone.Length], 1e-5);
    }

    [Fact]
    public void DenseBlocksPassTheMomentumOn()
    {
        // A dense block between two routed ones would show in a carry that it had changed; here it is the first, and takes no part.
        var model = new DecoderLm(Options(o => (o.FirstDenseLayers, o.Residual.Learned) = (1, true)), 11, 1);
        Assert.Equal(["layers.1.residual.momentum", "layers.2.residual.momentum"], model.Weights.Select(w => w.Name).Where(n => n.EndsWith("residual.momentum", StringComparison.Ordinal)));
    }

    [Fact]
    public void LearnedFactorsStartWhereTheRecipeSays() =>
        Close(Logits(Options(_ => { })), Logits(Options(o => o.Residual.Learned = true)), 1e-5);

    [Theory]
    [InlineData("heavy-ball", "Momentum", 1.0, "Model:Residual:Momentum is 1; ")]
    [InlineData("heavy-ball", "Step", 0.0, "Model:Residual:Step is 0; it must be above 0.")]
    [InlineData("adam", "Beta2", 1.0, "Model:Residual:Beta1 is 0.9 and Beta2 1; both must be below 1.")]
    [InlineData("robust", "Condition", 1.0, "Model:Residual:Condition is 1; it must be above 1.")]
    [InlineData("robust", "Rate", 0.2, "Model:Residual:Rate is 0.2; for a Condition of 4 it must be from 0.500 to 0.750.")]
    public void FactorsThatCannotWorkAreRefused(string kind, string setting, double value, string message)
    {
        var options = Some.SmallModel();
        options.Residual.Kind = kind;
        typeof(ResidualOptions).GetProperty(setting)!.SetValue(options.Residual, value);
        Assert.StartsWith(message, Assert.Throws<UserError>(options.Check).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SettingsThatTheKindOrTheBlockCannotFollowAreRefused()
    {
        Assert.StartsWith("Model:Residual:Decay is 1, which takes the stream away; that needs Model:Block post-norm", Refusal(o => (o.Residual.Kind, o.Residual.Decay) = ("adam", 1)));
        Assert.StartsWith("Model:Residual:Learned is true, but Model:Residual:Kind robust", Refusal(o => (o.Residual.Kind, o.Residual.Learned) = ("robust", true)));
        Assert.StartsWith("Model:Residual:Sign is minus, which Model:Residual:Kind robust", Refusal(o => (o.Residual.Kind, o.Residual.Sign) = ("robust", "minus")));
        Assert.StartsWith("Model:Residual:Kind is heavy-ball, but there is no routed layer", Refusal(o => o.FirstDenseLayers = o.Layers));

        static string Refusal(Action<ModelOptions> change) => Assert.Throws<UserError>(() => Options(change)).Message;
    }

    [Fact]
    public void OneRoutedLayerIsAWarning()
    {
        var options = Options(o => o.FirstDenseLayers = 2);
        Assert.Contains("one routed layer", Assert.Single(options.Warnings()));
        Assert.Empty(Options(_ => { }).Warnings());
    }

    private static ModelOptions Options(Action<ModelOptions> change)
    {
        var options = Some.SmallModel();
        (options.Layers, options.FirstDenseLayers, options.SharedExperts) = (3, 0, 0);
        (options.Gated, options.Activation, options.FfnBias, options.Residual.Kind) = (false, "relu", true, "heavy-ball");
        change(options);
        options.Check();
        return options;
    }

    private static MomentumFactors Factors(double mu, double gamma) => new(new LayerScope(1), mu, gamma, learned: false);

    private static Value Number(double value) => Ops.Constant(HostTensor.From([(float)value], 1, 1, 1));

    private static double Read(Value value) => Some.Floats(value).Single();

    private static float[] Logits(ModelOptions options) => Logits(new DecoderLm(options, 11, 1));

    private static float[] Logits(DecoderLm model) => Logits(model, [[3, 1, 4, 1, 5]]);

    private static float[] Logits(DecoderLm model, long[][] ids)
    {
        var (rows, length) = (ids.Length, ids[0].Length);
        var positions = Enumerable.Range(0, rows * length).Select(i => (long)(i % length)).ToArray();
        return Some.Floats(model.Forward(Ops.Constant(HostTensor.From(ids.SelectMany(row => row).ToArray(), rows, length)), Ops.Constant(HostTensor.From(positions, rows, length)), new ForwardContext(Ops)));
    }

    private static void Close(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], tolerance);
    }
}
