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
    public void ThroughTorchItIsTheModel(WeightPrecision precision)
    {
        var model = Some.Model();
        using var exported = new Exported(model, ExportTarget.Onnx, precision);
        using var rounded = new RoundedWeights(model, precision);
        var inputs = CausalLmStep.Inputs(model, [Some.Tokens(9), Some.Tokens(9, 2)]);
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var ops = new TorchOps();
        var results = OnnxProgram.Load(exported.Path).Run(ops, inputs.ToDictionary(pair => pair.Key, pair => ops.Constant(pair.Value)));
        foreach (var (name, expected) in TorchRunner.Run(model, inputs))
        {
            Assert.True(results[name].Type == expected.Type, name);
            Near.Equal(expected, ((TorchValue)results[name]).ToHost());
        }
    }

    [Theory]
    [InlineData(ExportTarget.OnnxMoe)]
    [InlineData(ExportTarget.OnnxRuntime)]
    public void WrittenAgainItRunsTheSame(ExportTarget target)
    {
        var model = Some.Model();
        using var exported = new Exported(model, ExportTarget.Onnx);
        var program = OnnxProgram.Load(exported.Path);
        program.MakeTrainable();
        var again = new LambdaModel([.. model.Inputs], [.. model.Outputs], (ops, values) =>
        {
            var results = program.Run(ops, model.Inputs.Zip(values).ToDictionary(pair => pair.First.Name, pair => pair.Second));
            return [.. model.Outputs.Select(output => results[output.Name])];
        });
        using var rewritten = new Exported(again, target);
        var inputs = CausalLmStep.Inputs(model, [Some.Tokens(9), Some.Tokens(9, 2)]);
        Assert.Contains("layers.0.moe.router.weight", rewritten.Model.Initializers.Select(initializer => initializer.Name));
        using var session = rewritten.Open();
        var actual = session.Run(inputs);
        foreach (var (name, expected) in TorchRunner.Run(model, inputs))
            Near.Equal(expected, actual[name]);
    }
}
