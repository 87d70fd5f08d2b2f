using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Exporter.Tests;

public class CausalLmExportTests
{
    private static readonly Dictionary<string, Action<ModelOptions>> Models = new()
    {
        ["default"] = _ => { },
        ["dense first, tied, all heads, renormalized"] = o => (o.FirstDenseLayers, o.TiedHead, o.KvHeads, o.Router.WeightRule) = (1, true, 0, "renormalized"),
        ["plain relu with biases"] = o => (o.Gated, o.Activation, o.FfnBias, o.SharedExperts) = (false, "relu", true, 0),
        ["gated silu with biases"] = o => o.FfnBias = true,
        ["gelu, one key head, heads of 8"] = o => (o.Activation, o.KvHeads, o.HiddenSize) = ("gelu", 1, 32),
    };

    public static TheoryData<string, ExportTarget, WeightPrecision> Cases()
    {
        var cases = new TheoryData<string, ExportTarget, WeightPrecision>();
        foreach (var model in Models.Keys)
        {
            cases.Add(model, ExportTarget.OnnxMoe, WeightPrecision.Fp32);
            cases.Add(model, ExportTarget.OnnxRuntime, WeightPrecision.Fp32);
        }
        foreach (var precision in new[] { WeightPrecision.Fp16, WeightPrecision.Int8, WeightPrecision.Int4 })
        {
            foreach (var model in Models.Keys)
                cases.Add(model, ExportTarget.OnnxMoe, precision);
        }
        cases.Add("gated silu with biases", ExportTarget.OnnxRuntime, WeightPrecision.Fp16);
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void LogitsAreTheModels(string name, ExportTarget target, WeightPrecision precision)
    {
        var model = Some.Model(Models[name]);
        using var exported = new Exported(model, target, precision);
        using var rounded = new RoundedWeights(exported.Model);
        foreach (var kernels in target == ExportTarget.OnnxMoe ? new[] { false, true } : [false])
        {
            using var session = exported.Open(kernels);
            var rounds = kernels && precision.CodeBits() is not null;
            foreach (var check in new CausalLmChecks(model, Some.Tokens(24)).Run(session, "", ModelExporter.AllowsLeftPadding(exported.Model), default, rounded, rounds))
                Assert.True(rounds ? check.MeanRelative < 0.1 : check.MaxRelative < 2e-5, $"{check} with{(kernels ? "" : "out")} kernels");
        }
    }

    [Theory]
    [InlineData(WeightPrecision.Fp16)]
    [InlineData(WeightPrecision.Int8)]
    [InlineData(WeightPrecision.Int4)]
    public void RoundedWeightsAreNotTheModels(WeightPrecision precision)
    {
        var model = Some.Model();
        var inputs = CausalLmStep.Inputs(model, [Some.Tokens(8)]);
        var before = TorchRunner.Run(model, inputs)["logits"];
        using (var rounded = new RoundedWeights(ModelExporter.Export(model, ExportTarget.Onnx, precision, "m")))
            Assert.NotEqual(before.Data, TorchRunner.Run(model, inputs, rounded)["logits"].Data);
        Assert.Equal(before.Data, TorchRunner.Run(model, inputs)["logits"].Data);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OfAFloat16EmbeddingOnlyTheRowsThatAreReadAreCast(bool tied)
    {
        using var exported = new Exported(Some.Model(options => options.TiedHead = tied), ExportTarget.OnnxMoe, WeightPrecision.Fp16);
        var lookup = Assert.Single(exported.Model.Proto.Graph.Node, node => node.OpType == "Gather" && node.Input[1] == "input_ids");
        Assert.Contains(exported.Model.Initializers, initializer => initializer.Name == lookup.Input[0] && initializer.Type == ElementType.Float16);
        Assert.Contains(exported.Model.Proto.Graph.Node, node => node.OpType == "Cast" && node.Input[0] == lookup.Output[0]);
    }

    [Fact]
    public void RoutingOutputsAreTheModels()
    {
        var model = Some.Model();
        using var exported = new Exported(model);
        using var session = exported.Open();
        var inputs = CausalLmStep.Inputs(model, [Some.Tokens(9), Some.Tokens(9, 2)]);
        var expected = TorchRunner.Run(model, inputs);
        var actual = session.Run(inputs);
        Assert.Equal([2L, 9, 2], actual["routing.1.indices"].Shape);
        Assert.Equal(model.Outputs.Select(output => output.Name).Order(), actual.Keys.Order());
        foreach (var (name, tensor) in expected)
            Near.Equal(tensor, actual[name], 1e-4);
    }

    [Theory]
    [InlineData(ExportTarget.OnnxMoe)]
    [InlineData(ExportTarget.OnnxRuntime)]
    public void TokenByTokenGivesWhatThePromptAtOnceGives(ExportTarget target)
    {
        var model = Some.Model();
        using var exported = new Exported(model, target);
        using var session = exported.Open();
        var tokens = Some.Tokens(10);
        var whole = session.Run(CausalLmStep.Inputs(model, [tokens]), ["logits"])["logits"];
        Dictionary<string, HostTensor>? step = null;
        for (var i = 0; i < tokens.Length; i++)
        {
            step = session.Run(CausalLmStep.Inputs(model, [[tokens[i]]], null, step));
            var row = whole.AsSpan<float>().Slice(i * Some.Vocabulary, Some.Vocabulary).ToArray();
            Near.Equal(Some.Tensor(row, 1, 1, Some.Vocabulary), step["logits"], 2e-5);
        }
    }

    [Fact]
    public void CachesOfAnyShapeAndTypeAreCarriedOn()
    {
        var model = CacheModel.Create();
        using var exported = new Exported(model);
        using var session = exported.Open();
        var tokens = Some.Tokens(12);
        Assert.All(new CausalLmChecks(model, tokens).Run(session, "", true, default), check => Assert.True(check.MaxRelative < 2e-5, $"{check}"));

        var whole = session.Run(CausalLmStep.Inputs(model, [tokens]));
        Dictionary<string, HostTensor>? step = null;
        foreach (var token in tokens)
            step = session.Run(CausalLmStep.Inputs(model, [[token]], null, step));
        Near.Equal(Some.Tensor(whole["logits"].AsSpan<float>()[^Some.Vocabulary..].ToArray(), 1, 1, Some.Vocabulary), step!["logits"], 2e-5);
        foreach (var cache in new[] { "present.0.key", "present.0.scores", "present.0.seen" })
            Near.Equal(whole[cache], step[cache]);
    }

    [Theory]
    [InlineData(ElementType.Float, "batch,4", "has the shape [batch, 4], but a cache has one dimension 'past'")]
    [InlineData(ElementType.Float, "batch,past,past", "has the shape [batch, past, past], but a cache has one dimension 'past'")]
    [InlineData(ElementType.Float, "rows,past", "others are 'batch' or numbers")]
    [InlineData(ElementType.Bool, "batch,past", "holds Bool, but a cache holds Float or Int64")]
    public void ACacheThatBreaksTheRulesIsNamed(ElementType type, string shape, string message)
    {
        var model = new LambdaModel([new("past_key_values.0.odd", type, shape.Split(','))], [], (_, _) => []);
        var error = Assert.Throws<UserError>(() => CausalLmStep.Inputs(model, [[1]]));
        Assert.Contains("'past_key_values.0.odd'", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(ExportTarget.OnnxMoe)]
    [InlineData(ExportTarget.OnnxRuntime)]
    public void ARowDoesNotDependOnTheRestOfTheBatch(ExportTarget target)
    {
        var model = Some.Model();
        using var exported = new Exported(model, target);
        using var session = exported.Open();
        long[][] rows = [Some.Tokens(7, 1), Some.Tokens(7, 2), Some.Tokens(7, 3)];
        var together = session.Run(CausalLmStep.Inputs(model, rows), ["logits"])["logits"];
        for (var i = 0; i < rows.Length; i++)
        {
            var alone = session.Run(CausalLmStep.Inputs(model, [rows[i]]), ["logits"])["logits"];
            Near.Equal(Some.Tensor(together.AsSpan<float>().Slice(i * 7 * Some.Vocabulary, 7 * Some.Vocabulary).ToArray(), 1, 7, Some.Vocabulary), alone, 2e-5);
        }
    }

    [Fact]
    public void TheOnnxRuntimeTargetUsesItsOwnOperators()
    {
        using var exported = new Exported(Some.Model(), ExportTarget.OnnxRuntime);
        var operators = exported.Operators.ToArray();
        Assert.Equal(2, operators.Count(op => op == "com.microsoft.MoE"));
        Assert.Equal(2, operators.Count(op => op == "com.microsoft.GroupQueryAttention"));
        Assert.Equal(4, operators.Count(op => op == "com.microsoft.SkipSimplifiedLayerNormalization"));
        Assert.Empty(exported.Model.Proto.Functions);
        Assert.False(ModelExporter.AllowsLeftPadding(exported.Model));
    }

    [Fact]
    public void SharedExpertsStayOutsideTheMoeOperator()
    {
        using var exported = new Exported(Some.Model(o => o.SharedExperts = 2), ExportTarget.OnnxRuntime);
        var nodes = exported.Model.Proto.Graph.Node;
        Assert.All(nodes.Where(node => node.OpType == "MoE"), node => Assert.DoesNotContain(node.Input, input => input.Contains(".shared.", StringComparison.Ordinal)));
        Assert.Equal(2 * 3, nodes.Count(node => node.OpType == "MatMul" && node.Input.Any(input => input.Contains(".shared.", StringComparison.Ordinal))));
    }

    [Fact]
    public void TheStandardTargetUsesStandardOperatorsAndFunctionsOnly()
    {
        using var exported = new Exported(Some.Model(), ExportTarget.Onnx);
        Assert.Equal(["onnxmoe.CausalAttention", "onnxmoe.GroupedFfn"], exported.Operators.Where(op => op.Contains('.')).Distinct());
        Assert.Equal(["CausalAttention", "GroupedFfn"], exported.Model.Proto.Functions.Select(function => function.Name));
        Assert.All(exported.Model.Proto.Functions.SelectMany(function => function.Node), node => Assert.Equal("", node.Domain));
        Assert.Equal((8L, 17L), (exported.Model.Proto.IrVersion, exported.Model.Proto.OpsetImport[0].Version));
    }

    [Fact]
    public void EveryWeightIsAnInitializerOfItsName()
    {
        var model = Some.Model();
        using var exported = new Exported(model);
        Assert.Empty(model.Weights.Select(w => w.Name).Except(exported.Model.Initializers.Select(i => i.Name)));
    }

    [Fact]
    public void ATruncatedFileIsAClearError()
    {
        using var exported = new Exported(Some.Model());
        File.WriteAllBytes(exported.Path, File.ReadAllBytes(exported.Path)[..1000]);
        var error = Assert.Throws<UserError>(() => exported.Open());
        Assert.Contains(exported.Path, error.Message, StringComparison.Ordinal);
    }
}
