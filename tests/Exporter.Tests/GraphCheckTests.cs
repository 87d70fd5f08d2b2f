using Onnx;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Exporter.Tests.Support;

namespace OnnxMoe.Exporter.Tests;

public class GraphCheckTests
{
    [Fact]
    public void AnExportedModelBreaksNoRule()
    {
        using var exported = new Exported(Some.Model());
        Assert.Null(GraphCheck.Problem(ModelProto.Parser.ParseFrom(File.ReadAllBytes(exported.Path))));
    }

    public static TheoryData<string, string> Broken => new()
    {
        { "order", "GroupedFfn' before it is computed" },
        { "twice", "is computed twice" },
        { "operator", "is not an operator of ONNX opset 17" },
        { "inputs", "has 1 inputs" },
        { "function", "calls a function that the model does not have" },
        { "body", "in a subgraph of node 'Loop'" },
        { "output", "the output 'nowhere' is never computed" },
        { "domain", "which the model does not import" },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public void ABrokenRuleIsNamed(string what, string message)
    {
        using var exported = new Exported(Some.Model());
        var model = ModelProto.Parser.ParseFrom(File.ReadAllBytes(exported.Path));
        var nodes = model.Graph.Node;
        NodeProto First(string op) => nodes.First(node => node.OpType == op);
        switch (what)
        {
            case "order":
                var ffn = First("GroupedFfn");
                nodes.Remove(ffn);
                nodes.Add(ffn);
                break;
            case "twice":
                nodes.Add(First("Softmax").Clone());
                break;
            case "operator":
                First("Softmax").OpType = "Gelu";
                break;
            case "inputs":
                First("MatMul").Input.RemoveAt(1);
                break;
            case "function":
                model.Functions.Clear();
                break;
            case "body":
                model.Functions.First(function => function.Name == "GroupedFfn").Node.First(node => node.OpType == "Loop").Attribute[0].G.Node[0].Input[0] = "nothing";
                break;
            case "output":
                model.Graph.Output[0].Name = "nowhere";
                break;
            case "domain":
                First("Softmax").Domain = "elsewhere";
                break;
        }
        Assert.Contains(message, GraphCheck.Problem(model) ?? "", StringComparison.Ordinal);
    }
}
