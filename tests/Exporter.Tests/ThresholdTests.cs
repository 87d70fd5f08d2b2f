using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Exporter.Tests;

/// <summary>The threshold of top-p selection as an input of the file (Dynamic MoE, arXiv 2403.07652).</summary>
public class ThresholdTests
{
    private const double Trained = 0.4;

    [Theory]
    [InlineData(ExportTarget.OnnxMoe)]
    [InlineData(ExportTarget.OnnxRuntime)]
    public void AnotherThresholdForTheFileIsAnotherThresholdForTheModel(ExportTarget target)
    {
        var model = Model(Trained);
        using var exported = new Exported(model, target);
        using var session = exported.Open();
        var inputs = CausalLmStep.Inputs(model, [Some.Tokens(24)]);
        var before = 0;
        foreach (var p in new[] { 0.05, Trained, 0.8, 1.1 })
        {
            // The same weights, made with that threshold: nothing of the file's own way of changing it is used.
            var expected = TorchRunner.Run(Model(p), inputs);
            var actual = session.Run(p == Trained ? inputs : new(inputs) { [RouterThreshold.Input] = HostTensor.Scalar((float)p) });
            foreach (var name in expected.Keys.Where(name => name == "logits" || name.StartsWith("routing.", StringComparison.Ordinal)))
                Near.Equal(expected[name], actual[name], 1e-4);
            var experts = expected["routing.0.indices"].ToInt64().Count(i => i >= 0);
            Assert.True(experts > before, $"{experts} experts at {p}, {before} before");
            before = experts;
        }
        Assert.Equal(24 * 6, before);
    }

    private static DecoderLm Model(double p) => Some.Model(o => (o.ExpertsPerToken, o.SharedExperts, o.Router.Selection, o.Router.TopP.P) = (6, 0, "topp", p));
}
