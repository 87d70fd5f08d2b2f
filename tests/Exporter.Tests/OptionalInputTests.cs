using Onnx;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Programs;
using OnnxMoe.Exporter.Running;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Exporter.Tests;

/// <summary>Inputs with a default: callers may leave them out, and nothing on the way may take the default for a constant.</summary>
public class OptionalInputTests
{
    private static readonly HostTensor X = Some.Normal(new Random(2), 5, DialModel.Width);

    private static Dictionary<string, HostTensor> Inputs(long? experts = null, float? factor = null)
    {
        var inputs = new Dictionary<string, HostTensor> { ["x"] = X };
        if (experts is { } k)
            inputs["active_experts"] = HostTensor.Vector(k);
        if (factor is { } f)
            inputs["factor"] = HostTensor.Scalar(f);
        return inputs;
    }

    public static TheoryData<ExportTarget, bool> Targets => new()
    {
        { ExportTarget.Onnx, false },
        { ExportTarget.OnnxMoe, true },
        { ExportTarget.OnnxRuntime, false },
    };

    [Theory]
    [MemberData(nameof(Targets))]
    public void OneFileServesEveryValue(ExportTarget target, bool kernels)
    {
        var model = DialModel.Create();
        using var exported = new Exported(model, target);
        using var session = exported.Open(kernels);
        Assert.Equal(["x"], session.Inputs);
        Assert.Equal(["active_experts", "factor", "unused"], session.OptionalInputs.Order());
        for (var k = 1; k <= DialModel.Experts; k++)
            foreach (var factor in new float?[] { null, 0.5f })
            {
                var results = session.Run(Inputs(k, factor));
                Assert.Equal([5L, k], results["indices"].Shape);
                foreach (var (name, expected) in TorchRunner.Run(model, Inputs(k, factor)))
                    Near.Equal(expected, results[name]);
            }
        Near.Equal(session.Run(Inputs(2, 1))["y"], session.Run(Inputs())["y"], 0);
        Assert.NotEqual(session.Run(Inputs(3))["y"].Data, session.Run(Inputs())["y"].Data);
        Assert.NotEqual(session.Run(Inputs(2, 0.5f))["y"].Data, session.Run(Inputs())["y"].Data);
    }

    [Fact]
    public void TheFileReadBackTakesTheDefaultUnlessAnotherValueIsGiven()
    {
        var model = DialModel.Create();
        using var exported = new Exported(model, ExportTarget.Onnx);
        var program = OnnxProgram.Load(exported.Path);
        program.MakeTrainable();
        Assert.Equal(["x"], program.Inputs.Select(input => input.Name));
        Assert.Equal(["active_experts", "factor", "unused"], program.OptionalInputs.Select(input => input.Name));
        Assert.DoesNotContain("unused", program.Initializers.Keys);
        Assert.Equal(["down", "router", "up"], program.Weights.Select(weight => weight.Name).Order());
        using var scope = NewDisposeScope();
        using var noGradients = no_grad();
        var ops = new TorchOps();
        foreach (var inputs in new[] { Inputs(), Inputs(4), Inputs(1, 2) })
        {
            var results = program.Run(ops, inputs.ToDictionary(pair => pair.Key, pair => ops.Constant(pair.Value)));
            foreach (var (name, expected) in TorchRunner.Run(model, inputs))
                Near.Equal(expected, ((TorchValue)results[name]).ToHost());
        }
    }

    [Fact]
    public void WrittenAgainTheInputsKeepTheirDefaults()
    {
        var model = DialModel.Create();
        using var exported = new Exported(model, ExportTarget.Onnx);
        var program = OnnxProgram.Load(exported.Path);
        var again = new LambdaModel([.. model.Inputs], [.. model.Outputs], (ops, values) =>
        {
            var results = program.Run(ops, model.Inputs.Zip(values).ToDictionary(pair => pair.First.Name, pair => pair.Second));
            return [.. model.Outputs.Select(output => results[output.Name])];
        });
        using var rewritten = new Exported(again, ExportTarget.Onnx);
        using var session = rewritten.Open();
        foreach (var inputs in new[] { Inputs(), Inputs(5, 2) })
            Near.Equal(TorchRunner.Run(model, inputs)["y"], session.Run(inputs)["y"]);
    }

    [Fact]
    public void BeforeIr4AnInitializerThatIsAnInputIsAConstant()
    {
        using var exported = new Exported(DialModel.Create(), ExportTarget.Onnx);
        var proto = ModelProto.Parser.ParseFrom(File.ReadAllBytes(exported.Path));
        proto.IrVersion = 3;
        var program = OnnxProgram.From(proto, Path.GetDirectoryName(exported.Path));
        Assert.Empty(program.OptionalInputs);
        Assert.Contains("unused", program.Initializers.Keys);
    }

    [Theory]
    [InlineData("torch")]
    [InlineData("onnxruntime")]
    public void TheVerbRunTakesAnOptionalInputByItsName(string engine)
    {
        var model = DialModel.Create();
        using var exported = new Exported(model, ExportTarget.Onnx);
        using var folder = new TemporaryFolder();
        Npy.Save(folder["x.npy"], X);
        foreach (var k in new long?[] { null, 4 })
        {
            if (k is { } value)
                Npy.Save(folder["active_experts.npy"], HostTensor.Vector(value));
            ModelRunner.Execute(new RunOptions { Model = exported.Path, Inputs = folder.Path, Outputs = folder["out"], Engine = engine }, TextWriter.Null);
            Near.Equal(TorchRunner.Run(model, Inputs(k))["y"], Npy.Load(Path.Combine(folder["out"], "y.npy")));
        }
    }

    [Fact]
    public void ADefaultThatDoesNotFitItsInputIsAMistake()
    {
        var model = new LambdaModel([new("x", ElementType.Float, "3") { Default = HostTensor.Vector(1f, 2f) }], [new("y", ElementType.Float, "3")], (_, x) => [x[0].Relu()]);
        Assert.Contains("'x' as Float[3], but its default is Float[2]", Assert.Throws<InvalidOperationException>(() => new Exported(model)).Message);
    }
}
