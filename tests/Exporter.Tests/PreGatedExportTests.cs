using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Exporter.Tests;

/// <summary>A model whose router runs before it: two files, the second fed with what the first decides.</summary>
public sealed class PreGatedExportTests : IDisposable
{
    private const int Experts = 4;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<ExportTarget, bool> Targets => new()
    {
        { ExportTarget.Onnx, false },
        { ExportTarget.OnnxMoe, true },
        { ExportTarget.OnnxRuntime, false },
    };

    [Theory]
    [MemberData(nameof(Targets))]
    public void WithGivenExpertsTheFileIsTheModel(ExportTarget target, bool kernels)
    {
        var model = Model();
        using var exported = new Exported(model, target);
        using var session = exported.Open(kernels);
        Assert.Contains(PreGate.ExpertIds, session.Inputs);
        var caller = Assert.Single(CallerInputs.For(Manifest()));
        foreach (var check in new CausalLmChecks(model, Some.Tokens(16), caller).Run(session, "", ModelExporter.AllowsLeftPadding(exported.Model), default))
            Assert.True(check.MaxRelative < 1e-4, $"{check}");
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void AnExpertThatDoesNotExistOrNoneIsRefused(ExportTarget target, bool kernels)
    {
        var model = Model();
        using var exported = new Exported(model, target);
        using var session = exported.Open(kernels);
        var inputs = CausalLmStep.Inputs(model, [Some.Tokens(3)]);
        Assert.ThrowsAny<Exception>(() => session.Run(inputs));
        foreach (var wrong in new long[] { -1, Experts })
        {
            inputs[PreGate.ExpertIds] = Some.Tensor([0L, wrong, 1], 1, 3);
            Assert.Contains("cannot run", Assert.Throws<UserError>(() => session.Run(inputs)).Message);
        }
        inputs[PreGate.ExpertIds] = Some.Tensor([0L, Experts - 1, 1], 1, 3);
        session.Run(inputs);
    }

    [Fact]
    public void TheRoutersFileDecidesAsTheRouterAtOnceAndStepByStep()
    {
        var router = Model().Router!;
        using var exported = new Exported(router, ExportTarget.Onnx);
        using var session = exported.Open();
        var tokens = Some.Tokens(20);
        var expected = TorchRunner.Run(router, CausalLmStep.Inputs(router, [tokens]))[PreGate.ExpertIds].ToInt64();
        Assert.True(expected.Distinct().Count() > 1, "All tokens have one expert, so the test shows nothing.");
        Assert.Equal(expected, session.Run(CausalLmStep.Inputs(router, [tokens]))[PreGate.ExpertIds].ToInt64());

        var decided = new List<long>();
        Dictionary<string, HostTensor>? last = null;
        foreach (var token in tokens)
        {
            last = session.Run(CausalLmStep.Inputs(router, [[token]], null, last));
            decided.AddRange(last[PreGate.ExpertIds].ToInt64());
        }
        Assert.Equal(expected, decided);
        Assert.DoesNotContain(exported.Operators, op => op.Contains("Grouped"));
    }

    [Fact]
    public void BothFilesAreWrittenComparedAndListed()
    {
        var manifest = new ExportJob(Model(), Manifest(), Some.Tokens(12), new ExportOptions { Target = "onnxmoe,onnxruntime" }, TextWriter.Null).Run(_folder.Path, default);
        Assert.Equal(["model.onnx", "model.onnxruntime.onnx", "router.onnx"], manifest.Exports.Select(export => export.File));
        Assert.Equal(["prefill/router", "decode/router", "batch-left-padded/router"], manifest.Exports[^1].Checks.Select(check => check.Name));
        Assert.All(manifest.Exports.SelectMany(export => export.Checks), check => Assert.InRange(check.MaxRelative, 0, 1e-4));
        Assert.Contains("router.onnx", manifest.Files.Keys);
        manifest.Verify(_folder.Path);
    }

    private static ModelManifest Manifest() => Some.Manifest() with { PreGate = new PreGate("router.onnx", Experts) };

    private static DecoderLm Model() => Some.Model(options =>
    {
        (options.Experts, options.ExpertsPerToken, options.SharedExperts) = (Experts, 1, 0);
        options.PreGate = new() { Layers = 1, HiddenSize = 16, Heads = 2, PermanentHidden = [5, 9] };
    });
}
