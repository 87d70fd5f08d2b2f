using Google.Protobuf;
using Onnx;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Running;

namespace OnnxMoe.Exporter.Tests.Running;

/// <summary>The verb run: file forms, both engines, and what it says when something is wrong.</summary>
public sealed class ModelRunnerTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("onnxmoe-run-");

    public void Dispose() => _folder.Delete(true);

    [Theory]
    [InlineData("torch", "input_0.pb", "input_1.pb", "output_0.pb")]
    [InlineData("onnxruntime", "input_0.pb", "input_1.pb", "output_0.pb")]
    [InlineData("torch", "a.npy", "b.npy", "y.npy")]
    [InlineData("onnxruntime", "input_0.npy", "input_1.npy", "output_0.npy")]
    public void WritesTheOutputsInTheFormOfTheInputs(string engine, string first, string second, string output)
    {
        Save(first, HostTensor.From([1f, 2, 3, 4], 2, 2));
        Save(second, HostTensor.From([10f, 20], 1, 2));
        Run(engine);
        var path = Path.Combine(_folder.FullName, "out", output);
        var result = output.EndsWith(".pb", StringComparison.Ordinal) ? TensorProtoFile.Load(path) : Npy.Load(path);
        Assert.Equal([2L, 2L], result.Shape);
        Assert.Equal([11f, 22, 13, 24], result.AsSpan<float>().ToArray());
    }

    [Fact]
    public void NamesAMissingInput()
    {
        Save("input_0.pb", HostTensor.From([1f, 2], 1, 2));
        Assert.Contains("'b' is missing", Error("torch"));
    }

    [Fact]
    public void NamesAnInputOfTheWrongType()
    {
        Save("input_0.pb", HostTensor.From([1L, 2], 1, 2));
        Save("input_1.pb", HostTensor.From([1f, 2], 1, 2));
        Assert.Contains("'a' must be of type Float, but is Int64", Error("torch"));
    }

    [Fact]
    public void NamesAnInputOfTheWrongShape()
    {
        Save("input_0.pb", HostTensor.From([1f, 2, 3], 1, 3));
        Save("input_1.pb", HostTensor.From([1f, 2], 1, 2));
        Assert.Contains("'a' must have the shape [?,2], but has [1,3]", Error("onnxruntime"));
    }

    [Fact]
    public void SaysThatAModelIsTruncated()
    {
        var bytes = Model("Add").ToByteArray();
        File.WriteAllBytes(ModelPath, bytes[..(bytes.Length - 7)]);
        Assert.Contains("truncated or damaged", Assert.Throws<UserError>(() => Execute("torch")).Message);
    }

    [Fact]
    public void NamesAnOperatorOutsideOfTheSet()
    {
        Save("input_0.pb", HostTensor.From([1f, 2], 1, 2));
        Save("input_1.pb", HostTensor.From([1f, 2], 1, 2));
        File.WriteAllBytes(ModelPath, Model("Det2").ToByteArray());
        var message = Assert.Throws<UserError>(() => Execute("torch")).Message;
        Assert.Contains("'Det2'", message);
        Assert.Contains("node 'n'", message);
    }

    [Fact]
    public void NamesTheNodeWhoseShapesDoNotFit()
    {
        Save("input_0.pb", HostTensor.From([1f, 2, 3, 4, 5, 6], 3, 2));
        Save("input_1.pb", HostTensor.From([1f, 2, 3, 4], 2, 2));
        Assert.Contains("node 'n' (Add)", Error("torch"));
    }

    private string ModelPath => Path.Combine(_folder.FullName, "model.onnx");

    private void Save(string name, HostTensor tensor)
    {
        var path = Path.Combine(_folder.FullName, name);
        if (name.EndsWith(".pb", StringComparison.Ordinal))
            TensorProtoFile.Save(path, tensor);
        else
            Npy.Save(path, tensor);
    }

    private void Run(string engine)
    {
        File.WriteAllBytes(ModelPath, Model("Add").ToByteArray());
        Execute(engine);
    }

    private void Execute(string engine) => ModelRunner.Execute(
        new RunOptions { Model = ModelPath, Inputs = _folder.FullName, Outputs = Path.Combine(_folder.FullName, "out"), Engine = engine }, TextWriter.Null);

    private string Error(string engine) => Assert.Throws<UserError>(() => Run(engine)).Message;

    private static ModelProto Model(string op) => new()
    {
        IrVersion = 8,
        OpsetImport = { new OperatorSetIdProto { Version = 17 } },
        Graph = new GraphProto
        {
            Name = "g",
            Input = { Info("a"), Info("b") },
            Output = { Info("y") },
            Node = { new NodeProto { OpType = op, Name = "n", Input = { "a", "b" }, Output = { "y" } } },
        },
    };

    private static ValueInfoProto Info(string name) => new()
    {
        Name = name,
        Type = new TypeProto
        {
            TensorType = new TypeProto.Types.Tensor
            {
                ElemType = 1,
                Shape = new TensorShapeProto { Dim = { new TensorShapeProto.Types.Dimension { DimParam = "N" }, new TensorShapeProto.Types.Dimension { DimValue = 2 } } },
            },
        },
    };
}
