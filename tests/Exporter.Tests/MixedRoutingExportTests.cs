using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;
using static TorchSharp.torch;

namespace OnnxMoe.Exporter.Tests;

/// <summary>Files of models whose tokens route by related tokens (Graph of Tokens, arXiv 2505.00792).</summary>
public class MixedRoutingExportTests
{
    [Fact]
    public void OnlyAttentionThatARouterLooksAtIsWrittenOut()
    {
        foreach (var (kind, fused) in new[] { ("none", 2), ("similarity", 2), ("attention", 1) })
        {
            using var exported = new Exported(Some.Model(o => (o.FirstDenseLayers, o.Router.Mixer.Kind) = (1, kind)), ExportTarget.OnnxRuntime);
            Assert.Equal(fused, exported.Operators.Count(op => op == "com.microsoft.GroupQueryAttention"));
        }
    }

    [Theory]
    [InlineData("similarity")]
    [InlineData("attention")]
    public void OnnxRuntimesOwnMoeTakesProbabilitiesThatAreZero(string kind)
    {
        var model = Some.Model(o => (o.SharedExperts, o.Router.Mixer.Kind, o.Router.WeightRule) = (0, kind, "renormalized"));
        using (no_grad())
        {
            foreach (var weight in model.Weights.Where(w => w.Name.EndsWith(".router.weight", StringComparison.Ordinal)))
                weight.Parameter.mul_((TorchSharp.Scalar)1000f); // every token's own probabilities are 0 but for one
        }
        using var exported = new Exported(model, ExportTarget.OnnxRuntime);
        using var session = exported.Open();
        Assert.Equal(2, exported.Operators.Count(op => op == "com.microsoft.MoE"));
        var inputs = CausalLmStep.Inputs(model, [Some.Tokens(9, 1), Some.Tokens(9, 2)]);
        var (expected, actual) = (TorchRunner.Run(model, inputs), session.Run(inputs));
        Assert.Contains(0f, expected["routing.0.weights"].AsSpan<float>().ToArray());
        Assert.Equal(expected["routing.0.indices"].Data, actual["routing.0.indices"].Data);
        Near.Equal(expected["logits"], actual["logits"], 1e-4);
    }

    [Theory]
    [InlineData("similarity", ExportTarget.OnnxMoe)]
    [InlineData("attention", ExportTarget.OnnxMoe)]
    [InlineData("similarity", ExportTarget.OnnxRuntime)]
    [InlineData("attention", ExportTarget.OnnxRuntime)]
    public void TokenByTokenTheFileRoutesAsInOnePass(string kind, ExportTarget target)
    {
        var model = Some.Model(o => (o.Router.Mixer.Kind, o.Router.Mixer.Temperature) = (kind, 4));
        using var exported = new Exported(model, target);
        using var session = exported.Open(kernels: target == ExportTarget.OnnxMoe);
        var ids = Some.Tokens(8);
        var whole = session.Run(CausalLmStep.Inputs(model, [ids]));
        Dictionary<string, Artifacts.Tensors.HostTensor>? step = null;
        for (var i = 0; i < ids.Length; i++)
        {
            step = session.Run(CausalLmStep.Inputs(model, [[ids[i]]], previous: step));
            foreach (var layer in new[] { 0, 1 })
                Assert.Equal(whole[$"routing.{layer}.indices"].AsSpan<long>().Slice(i * 2, 2).ToArray(), step[$"routing.{layer}.indices"].AsSpan<long>().ToArray());
            Near.Equal(Some.Tensor(whole["logits"].AsSpan<float>().Slice(i * Some.Vocabulary, Some.Vocabulary).ToArray(), 1, 1, Some.Vocabulary), step["logits"], 1e-4);
        }
    }
}
