using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Exporter.Tests;

/// <summary>Experts of several kinds in a file: the picks that ONNX Runtime makes are Torch's, and nulls cost no expert.</summary>
public class ZeroComputationExportTests
{
    public static TheoryData<ExportTarget> Targets => [ExportTarget.OnnxMoe, ExportTarget.OnnxRuntime];

    [Theory]
    [MemberData(nameof(Targets))]
    public void TheFilePicksTheSameExperts(ExportTarget target)
    {
        var model = Some.Model(o => (o.ExpertsPerToken, o.ZeroComputation.Zero, o.ZeroComputation.Copy, o.ZeroComputation.Constant, o.Router.WeightRule) = (3, 2, 1, 2, "renormalized"));
        var indices = Compare(model, target);
        Assert.Contains(-1, indices);
        Assert.Contains(indices, i => i >= 0);
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void ATokenOfNullsAloneIsFiniteAndMeetsNoExpert(ExportTarget target)
    {
        var model = Some.Model(o => (o.ExpertsPerToken, o.SharedExperts, o.ZeroComputation.Zero, o.Router.WeightRule, o.Router.Bias) = (3, 0, 3, "renormalized", true));
        using (TorchSharp.torch.no_grad())
        {
            foreach (var bias in model.Weights.Where(w => w.Name.EndsWith("router.bias", StringComparison.Ordinal)))
                bias.Parameter[^3..].fill_(50);
        }
        Assert.All(Compare(model, target), i => Assert.Equal(-1, i));
    }

    /// <summary>Logits and routing of the file and the model; returns the indices of all layers.</summary>
    private static long[] Compare(DecoderLm model, ExportTarget target)
    {
        using var exported = new Exported(model, target);
        var inputs = CausalLmStep.Inputs(model, [Some.Tokens(24)]);
        var expected = TorchRunner.Run(model, inputs);
        var indices = new List<long>();
        foreach (var kernels in target == ExportTarget.OnnxMoe ? new[] { false, true } : [false])
        {
            using var session = exported.Open(kernels);
            var actual = session.Run(inputs);
            foreach (var name in expected.Keys.Where(name => name == "logits" || name.StartsWith("routing.", StringComparison.Ordinal)))
                Near.Equal(expected[name], actual[name], 1e-4);
            indices.AddRange(expected.Where(output => output.Key.EndsWith(".indices", StringComparison.Ordinal)).SelectMany(output => output.Value.ToInt64()));
        }
        return [.. indices];
    }
}
