using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;

namespace OnnxMoe.Exporter.Tests;

/// <summary>Attention experts in ONNX files; with every router they are in <see cref="RouterExpertCrossTests"/>.</summary>
public class AttentionBankExportTests
{
    private const int Experts = 3;

    [Theory]
    [InlineData("experts")]
    [InlineData("shared")]
    public void AllExpertsOfABlockAreOneAttentionOperatorOfOnnxRuntime(string keyValues)
    {
        using var exported = new Exported(Model(keyValues), ExportTarget.OnnxRuntime);
        Assert.Equal(2, exported.Operators.Count(op => op == "com.microsoft.GroupQueryAttention"));
    }

    [Theory]
    [InlineData("experts", new long[] { 1, Experts, 2, 5, 16 })]
    [InlineData("shared", new long[] { 1, 2, 5, 16 })]
    public void OnlyOwnKeysHaveAnAxisOfExpertsInTheCache(string keyValues, long[] shape)
    {
        var model = Model(keyValues);
        using var exported = new Exported(model);
        using var session = exported.Open();
        var outputs = session.Run(CausalLmStep.Inputs(model, [Some.Tokens(5)]));
        foreach (var cache in new[] { "present.0.key", "present.0.value", "present.1.key", "present.1.value" })
            Assert.Equal(shape, outputs[cache].Shape);
    }

    [Fact]
    public void ACacheOfTheOtherVariantIsRefused()
    {
        var (own, shared) = (Model("experts"), Model("shared"));
        using var exported = new Exported(shared);
        using var session = exported.Open();
        var inputs = CausalLmStep.Inputs(shared, [Some.Tokens(1)]);
        foreach (var (name, cache) in CausalLmStep.Inputs(own, [Some.Tokens(1)]).Where(input => input.Key.StartsWith("past_key_values.", StringComparison.Ordinal)))
            inputs[name] = cache;
        Assert.Contains("past_key_values.0.key", Assert.ThrowsAny<Exception>(() => session.Run(inputs)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("experts", 0, ExportTarget.OnnxMoe)]
    [InlineData("shared", 0, ExportTarget.OnnxMoe)]
    [InlineData("experts", 1, ExportTarget.OnnxMoe)]
    [InlineData("experts", 2, ExportTarget.OnnxRuntime)]
    public void ParallelBlocksWithAnyNumberOfActiveExpertsGiveTheModelsLogits(string keyValues, int active, ExportTarget target)
    {
        var model = Model(keyValues, active);
        using var exported = new Exported(model, target);
        using var session = exported.Open();
        foreach (var check in new CausalLmChecks(model, Some.Tokens(16)).Run(session, "", ModelExporter.AllowsLeftPadding(exported.Model), default))
            Assert.True(check.MaxRelative < 2e-5, $"{check}");
    }

    private static Trainer.Backbones.DecoderLm Model(string keyValues, int active = 0) => Some.Model(options =>
    {
        options.Block = "parallel";
        (options.AttentionBank.Experts, options.AttentionBank.KeyValues, options.AttentionBank.ActiveExperts) = (Experts, keyValues, active);
    });
}
