using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Tests.Layers;

public sealed class ParallelBlockTests
{
    [Fact]
    public void BothPartsReadTheNormalizedStreamAndAreAddedToIt()
    {
        var ops = new TorchOps();
        var scope = new LayerScope(1);
        var norm = new RmsNorm(scope.Child("norm"), 4, 1e-5);
        var block = new ParallelBlock(scope, norm, new Tripled(scope), new Squared(scope));
        var x = Some.Normal(ops, 2, 2, 3, 4);
        var u = Some.Floats(norm.Forward(x));
        Assert.Equal(Some.Floats(x).Zip(u, (stream, read) => stream + 3 * read + read * read), Some.Floats(block.Forward(x, new ForwardContext(ops))));
    }

    [Fact]
    public void AModelHasOneNormABlock()
    {
        var options = Some.SmallModel();
        options.Block = "parallel";
        Assert.Equal(["layers.0.norm.weight", "layers.1.norm.weight", "norm.weight"],
            new DecoderLm(options, 11, 1).Weights.Select(weight => weight.Name).Where(name => name.Contains("norm", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("residual", "Model:Residual:Kind is heavy-ball, but Model:Block is parallel")]
    [InlineData("chain", "Model:Block is parallel, which adds to the residual stream, but the chain replaces it")]
    [InlineData("one", "Model:AttentionBank:Experts is 1; a bank has 2 or more experts")]
    [InlineData("active", "Model:AttentionBank:ActiveExperts is 3, but Model:AttentionBank:Experts only 2")]
    [InlineData("shared", "Model:AttentionBank:KeyValues is shared, but there are no attention experts")]
    public void SettingsThatDoNotGoTogetherAreNamed(string wrong, string message)
    {
        var options = Some.SmallModel();
        options.Block = "parallel";
        switch (wrong)
        {
            case "residual": options.Residual.Kind = "heavy-ball"; break;
            case "chain": (options.Chain.Inner, options.Chain.Unsafe) = (false, true); break;
            case "one": options.AttentionBank.Experts = 1; break;
            case "active": (options.AttentionBank.Experts, options.AttentionBank.ActiveExperts) = (2, 3); break;
            default: options.AttentionBank.KeyValues = "shared"; break;
        }
        Assert.StartsWith(message, Assert.Throws<UserError>(options.Check).Message, StringComparison.Ordinal);
    }

    private sealed class Tripled(LayerScope scope) : Attention(scope)
    {
        public override Value Forward(Value x, ForwardContext context) => x * 3;
    }

    private sealed class Squared(LayerScope scope) : FfnLayer(scope)
    {
        public override Value Forward(Value x, ForwardContext context) => x * x;
    }
}
