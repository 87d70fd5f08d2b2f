using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Routers;
using static OnnxMoe.Trainer.Tests.Layers.Unions;

namespace OnnxMoe.Trainer.Tests.Layers;

public class UnionWorkTests
{
    private const int Batch = 3;

    /// <summary>Patches that prefer all experts fill every place, so that the work is what the settings say, to the integer.</summary>
    [Theory]
    [InlineData(0, 1.0)]
    [InlineData(0, 0.5)]
    [InlineData(2, 0.5)]
    [InlineData(3, 0.25)]
    public void FallsWithTheExpertsAndTheirPatches(int perSequence, double capacity)
    {
        var options = Union(Dense("encoder"), "patches", o =>
        {
            (o.Router.Patches.ExpertsPerSequence, o.Router.Patches.Capacity) = (perSequence, capacity);
            (o.HeadRouting.HeadsPerSequence, o.HeadRouting.Capacity) = (perSequence, capacity);
        });
        var (k, n, c, m) = (perSequence == 0 ? 4 : perSequence, 4, (int)(capacity * Length), Length);
        var layer = Encoder(options).RoutedLayers.First();
        var ops = new CountingOps();
        layer.Forward(ops.Of(Some.Normal(Unions.Torch, 1, Batch, Length, Size)), Context(ops, Batch));
        Assert.Equal((long)Batch * Length * 2 * Size * 24 * k * c / (n * m), ops.Grouped);

        var scope = new LayerScope(1);
        var router = (PatchRouter)PatchRouterBuilder.BuildHeads(scope.Child("router"), options);
        var attention = new PatchAttention(scope, Size, new HeadBank(scope, Size, Heads, 0.3), router);
        ops = new CountingOps();
        attention.Forward(ops.Of(Some.Normal(Unions.Torch, 1, Batch, Length, Size)), Context(ops, Batch));
        Assert.Equal((long)Batch * Length * 4 * Size * Size * k * c / (n * m), ops.Grouped);
        Assert.Equal((long)Batch * Length * Length * 2 * Size * k * c * c / (n * m * m), ops.Scores);

        // The layers say the same of themselves.
        var context = new CostContext(Length);
        Assert.Equal(ops.Grouped + ops.Scores, Batch * Length * attention.CostOfToken(context).Single(cost => cost.Part == "attention").Flops / 2);
        Assert.Equal(4.0 * k * c / (n * m), layer.Router.ActiveExperts(context));
    }

    [Fact]
    public void OfADenseEncoderIsCountedTheSameWay()
    {
        var scope = new LayerScope(1);
        var attention = new SelfAttention(scope, Size, Heads, 0.3);
        var ops = new CountingOps();
        attention.Forward(ops.Of(Some.Normal(Unions.Torch, 1, Batch, Length, Size)), Context(ops, Batch));
        Assert.Equal((long)Batch * Length * 4 * Size * Size, ops.Dense);
        Assert.Equal((long)Batch * Length * Length * 2 * Size, ops.Scores);
        Assert.Equal(ops.Dense + ops.Scores, Batch * Length * attention.CostOfToken(new CostContext(Length)).Sum(cost => cost.Flops) / 2);
    }
}
