using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Tests.Routers;

/// <summary>Gating residuals of MoE++ (arXiv 2410.07348, section 3.2).</summary>
public class GatingResidualTests
{
    private const int Experts = 5;
    private const int Layers = 3;
    private static readonly TorchOps Ops = new(training: true);

    [Fact]
    public void WithIdentitiesAndNoOwnScoresAllLayersHaveTheScoresOfTheFirst()
    {
        var heads = Heads(1, identity: true);
        using (no_grad())
        {
            foreach (var head in heads.Skip(1))
                head.Own.Weights[0].Parameter.zero_();
        }
        var logits = Scores(heads);
        Assert.All(logits, layer => Assert.Equal(Some.Floats(logits[0]), Some.Floats(layer)));
    }

    [Fact]
    public void ScoresWithWhatWasAddedGoOnToTheNextLayer()
    {
        var heads = Heads(1, identity: true);
        var own = heads.Select(head => Some.Floats(head.Own.Score(X(), new ForwardContext(Ops)))).ToArray();
        var expected = new float[own[0].Length];
        foreach (var (scores, layer) in Scores(heads).Zip(own))
        {
            expected = [.. expected.Zip(layer, (a, b) => a + b)];
            Assert.Equal(expected, Some.Floats(scores), (a, b) => Math.Abs(a - b) < 1e-5);
        }
    }

    [Fact]
    public void TheLastLayersScoresTeachTheFirstRouter()
    {
        var heads = Heads(0.5, identity: false);
        TorchOps.TensorOf((Scores(heads)[^1] * Some.Normal(Ops, 4, 7, Experts)).ReduceSum([0, 1], keepDims: false)).backward();
        Assert.True(Some.Floats(Ops.Value(heads[0].Own.Weights[0].Parameter.grad!)).Max(Math.Abs) > 1e-3);
    }

    [Fact]
    public void AMatrixOfZerosIsNone()
    {
        static float[] Logits(string residual)
        {
            var options = Some.SmallModel();
            (options.Layers, options.Router.GatingResidual, options.ZeroComputation.Zero) = (3, residual, 2);
            options.Check();
            var ids = Ops.Value(arange(12, ScalarType.Int64, null).reshape(2, 6));
            var positions = Ops.Value(arange(6, ScalarType.Int64, null).unsqueeze(0).expand(2, 6));
            return Some.Floats(new DecoderLm(options, 12, 3).Forward(ids, positions, new ForwardContext(Ops)));
        }
        Assert.Equal(Logits("none"), Logits("zero"));
        Assert.NotEqual(Logits("none"), Logits("normal"));
    }

    [Fact]
    public void TheMatricesCostAndCountAndTheFirstLayerHasNone()
    {
        var options = Some.SmallModel();
        (options.Layers, options.Router.GatingResidual, options.Router.Scores) = (3, "zero", "mlp");
        var model = new DecoderLm(options, 12, 3);
        Assert.Equal(["layers.2.moe.router.residual"], model.Weights.Select(w => w.Name).Where(name => name.Contains("residual")));
        const int N = 6, D = 16;
        var router = ModelCost.Flops(model, new CostContext(1)).Single(cost => cost.Part == "router").Flops;
        Assert.Equal(2.0 * (2 * (D * 8 * N + 8 * N * N) + N * N), router);
    }

    private static Value X() => Some.Normal(Ops, 3, 7, 4);

    private static (GatingResidual Head, LinearScoreHead Own)[] Heads(double deviation, bool identity) => [.. Enumerable.Range(0, Layers).Select(i =>
    {
        var scope = new LayerScope(i + 1);
        var own = new LinearScoreHead(scope.Child("own"), 4, Experts, 1);
        var head = new GatingResidual(scope, own, Experts, first: i == 0, deviation);
        if (identity && i > 0)
        {
            using var noGrad = no_grad();
            scope.Weights.Single(w => w.Name == "residual").Parameter.copy_(eye(Experts));
        }
        return (head, own);
    })];

    private static Value[] Scores((GatingResidual Head, LinearScoreHead Own)[] heads)
    {
        var context = new ForwardContext(Ops);
        return [.. heads.Select(head => head.Head.Score(X(), context))];
    }
}
