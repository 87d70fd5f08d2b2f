using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Programs;
using OnnxMoe.Exporter.Running;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Tests.Running;

/// <summary>The ONNX project's own backend node tests (Debian: libonnx-testdata), for every operator in the torch engine's set.</summary>
public class BackendNodeTests
{
    private const string Data = "/usr/share/libonnx-testdata/data/node";
    private const string NotInstalled = "(not installed)";

    private const string Text = "tensors of text are not supported";
    private const string CutOff = "the expected bfloat16 are cut off instead of rounded";
    private const string Contradiction = "an input has another shape than the model declares";
    private const string Random = "the expected output holds numbers drawn by NumPy's generator";

    /// <summary>Tests of operators in the set that cannot pass, and why; docs/ops.md has the same list.</summary>
    private static readonly Dictionary<string, string> Exceptions = new()
    {
        ["test_cast_FLOAT_to_STRING"] = Text,
        ["test_cast_STRING_to_FLOAT"] = Text,
        ["test_castlike_FLOAT_to_STRING"] = Text,
        ["test_castlike_FLOAT_to_STRING_expanded"] = Text,
        ["test_castlike_STRING_to_FLOAT"] = Text,
        ["test_castlike_STRING_to_FLOAT_expanded"] = Text,
        ["test_cast_FLOAT_to_BFLOAT16"] = CutOff,
        ["test_castlike_FLOAT_to_BFLOAT16"] = Contradiction,
        ["test_castlike_FLOAT_to_BFLOAT16_expanded"] = Contradiction,
        ["test_castlike_BFLOAT16_to_FLOAT"] = Contradiction,
        ["test_castlike_BFLOAT16_to_FLOAT_expanded"] = Contradiction,
        ["test_training_dropout"] = Random,
        ["test_training_dropout_default"] = Random,
        ["test_training_dropout_mask"] = Random,
        ["test_training_dropout_default_mask"] = Random,
    };

    public static TheoryData<string> Cases()
    {
        var cases = new TheoryData<string>();
        if (!Directory.Exists(Data))
            cases.Add(NotInstalled);
        else
        {
            foreach (var folder in Directory.GetDirectories(Data).Order(StringComparer.Ordinal).Where(IsInTheSet))
                cases.Add(Path.GetFileName(folder));
        }
        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void TorchEngineGivesTheExpectedOutputs(string name)
    {
        Assert.True(name != NotInstalled, $"The ONNX project's node tests are not in {Data}: install the Debian package libonnx-testdata.");
        var folder = Path.Combine(Data, name);
        var inputs = Path.Combine(folder, "test_data_set_0");
        var outputs = Directory.CreateTempSubdirectory("onnxmoe-node-");
        try
        {
            ModelRunner.Execute(new RunOptions { Model = Path.Combine(folder, "model.onnx"), Inputs = inputs, Outputs = outputs.FullName, Engine = "torch" }, TextWriter.Null);
            var expected = Directory.GetFiles(inputs, "output_*.pb");
            Assert.NotEmpty(expected);
            foreach (var file in expected)
            {
                var actual = TensorProtoFile.Load(Path.Combine(outputs.FullName, Path.GetFileName(file)));
                Close.Assert(Expected(file, actual.Type), actual);
            }
        }
        finally
        {
            outputs.Delete(true);
        }
    }

    /// <summary>The data hold bfloat16 as its bits in uint16.</summary>
    private static HostTensor Expected(string file, ElementType type)
    {
        var tensor = TensorProtoFile.Load(file);
        return type == ElementType.BFloat16 && tensor.Type == ElementType.UInt16 ? new HostTensor(type, tensor.Shape, tensor.Data) : tensor;
    }

    private static bool IsInTheSet(string folder)
    {
        var graph = ModelFile.Load(Path.Combine(folder, "model.onnx")).Graph;
        return graph.Node.All(IsInTheSet) && graph.Input.All(IsTensor) && !Exceptions.ContainsKey(Path.GetFileName(folder));
    }

    private static bool IsTensor(Onnx.ValueInfoProto input) => input.Type.TensorType is not null;

    private static bool IsInTheSet(Onnx.NodeProto node) =>
        (node.OpType is "If" or "Loop" || TorchOps.Has(node.OpType, node.Domain))
        && node.Attribute.Where(a => a.G is not null).All(a => a.G.Node.All(IsInTheSet));
}
