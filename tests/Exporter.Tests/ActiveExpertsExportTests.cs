using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;

namespace OnnxMoe.Exporter.Tests;

/// <summary>A language model whose callers choose the number of active experts (SMoE-Dropout, arXiv 2303.01610).</summary>
public class ActiveExpertsExportTests
{
    public static TheoryData<ExportTarget, bool> Targets => new()
    {
        { ExportTarget.Onnx, false },
        { ExportTarget.OnnxMoe, true },
        { ExportTarget.OnnxRuntime, false },
    };

    [Theory]
    [MemberData(nameof(Targets))]
    public void OneFileServesEveryNumberOfExperts(ExportTarget target, bool kernels)
    {
        var model = Some.Model(o =>
        {
            (o.SharedExperts, o.Gated, o.Activation, o.FfnBias, o.ExpertsPerToken) = (0, false, "relu", true, o.Experts);
            (o.Router.Frozen, o.Router.Bias, o.Router.WeightRule, o.Router.ActiveExperts.Offered) = (true, true, "renormalized", [1, 2, 3, 4, 5, 6]);
        });
        using var exported = new Exported(model, target);
        using var session = exported.Open(kernels);
        var inputs = CausalLmStep.Inputs(model, [Some.Tokens(9, 1), Some.Tokens(9, 2)]);
        var asTrained = session.Run(inputs, ["logits"])["logits"];
        for (var k = 1; k <= 6; k++)
        {
            inputs["active_experts"] = HostTensor.Vector((long)k);
            var (expected, actual) = (TorchRunner.Run(model, inputs), session.Run(inputs));
            Assert.Equal([2L, 9L, k], actual["routing.1.indices"].Shape);
            Assert.Equal(expected["routing.1.indices"].Data, actual["routing.1.indices"].Data);
            Near.Equal(expected["logits"], actual["logits"], 1e-4);
            Assert.Equal(k == 6, actual["logits"].Data.AsSpan().SequenceEqual(asTrained.Data));
        }
    }
}
