using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Programs;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Exporter.Tests;

/// <summary>An exported file read back by <see cref="OnnxProgram"/>.</summary>
public class RoundTripTests
{
    [Theory]
    [InlineData(WeightPrecision.Fp32)]
    [InlineData(WeightPrecision.Fp16)]
    [InlineData(WeightPrecision.Int8)]
    [InlineData(WeightPrecision.Int4)]
    public void ThroughTorchItIsTheModel(WeightPrecision precision)
    {
        var model = Some.Model();
        using var exported = new Exported(model, ExportTarget.Onnx, precision);
        using var rounded = new RoundedWeights(exported.Model);
        var inputs = CausalLmStep.Inputs(model, [Some.Tokens(9), Some.Tokens(9, 2)]);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var ops = new TorchOps();
        var results = OnnxProgram.Load(exported.Path).Run(ops, inputs.ToDictionary(pair => pair.Key, pair => ops.Constant(pair.Value)));
        foreach (var (name, expected) in TorchRunner.Run(model, inputs, rounded))
        {
            Assert.True(results[name].Type == expected.Type, name);
            Near.Equal(expected, ((TorchValue)results[name]).ToHost());
        }
    }

    [Theory]
    [InlineData(ExportTarget.OnnxMoe, WeightPrecision.Fp32)]
    [InlineData(ExportTarget.OnnxRuntime, WeightPrecision.Fp32)]
    [InlineData(ExportTarget.OnnxMoe, WeightPrecision.Fp16)]
    [InlineData(ExportTarget.OnnxMoe, WeightPrecision.Int8)]
    [InlineData(ExportTarget.OnnxMoe, WeightPrecision.Int4)]
    public void WrittenAgainItRunsTheSame(ExportTarget target, WeightPrecision precision)
    {
        var model = Some.Model();
        using var exported = new Exported(model, ExportTarget.Onnx, precision);
        using var rounded = new RoundedWeights(exported.Model);
        var program = OnnxProgram.Load(exported.Path);
        program.MakeTrainable();
        var again = new LambdaModel([.. model.Inputs], [.. model.Outputs], (ops, values) =>
        {
            var results = program.Run(ops, model.Inputs.Zip(values).ToDictionary(pair => pair.First.Name, pair => pair.Second));
            return [.. model.Outputs.Select(output => results[output.Name])];
        });
        using var rewritten = new Exported(again, target);
        var inputs = CausalLmStep.Inputs(model, [Some.Tokens(9), Some.Tokens(9, 2)]);
        // Halves are no weights to train: they are constants, called after their shape.
        Assert.Contains(precision == WeightPrecision.Fp16 ? "layers.0.attention_norm.weight" : "layers.0.moe.router.weight", rewritten.Model.Initializers.Select(initializer => initializer.Name));
        using var session = rewritten.Open();
        var actual = session.Run(inputs);
        if (target == ExportTarget.OnnxMoe)
            Assert.Equal(exported.Model.Proto.Functions.Select(function => function.Name).Order(), rewritten.Model.Proto.Functions.Select(function => function.Name).Order());
        foreach (var (name, expected) in TorchRunner.Run(model, inputs, rounded))
            Near.Equal(expected, actual[name]);
    }
}
