using Google.Protobuf;
using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Graph;

namespace OnnxMoe.Bench.Kernels;

/// <summary>Models of products of one x with constant matrices, whose results are outputs.</summary>
internal static class DenseModels
{
    /// <param name="op">MatMul, Linear (a node for each matrix) or Linears (one node).</param>
    /// <param name="matrices">float [D, F].</param>
    public static byte[] Products(string op, IReadOnlyList<HostTensor> matrices)
    {
        var graph = new GraphProto { Name = "dense", Input = { Rows("x") } };
        var domain = op == "MatMul" ? "" : OpSet.MoeDomain;
        var linears = new NodeProto { Name = "products", OpType = op, Domain = domain, Input = { "x" } };
        foreach (var (i, matrix) in matrices.Index())
        {
            graph.Initializer.Add(new TensorProto { Name = $"matrix_{i}", DataType = (int)matrix.Type, Dims = { matrix.Shape }, RawData = ByteString.CopyFrom(matrix.Data) });
            graph.Output.Add(Rows($"y_{i}"));
            linears.Output.Add($"y_{i}");
            linears.Input.Add([$"matrix_{i}", ""]);
            if (op != "Linears")
                graph.Node.Add(new NodeProto { Name = $"product_{i}", OpType = op, Domain = domain, Input = { "x", $"matrix_{i}" }, Output = { $"y_{i}" } });
        }
        if (op == "Linears")
        {
            linears.Input.RemoveAt(linears.Input.Count - 1);
            graph.Node.Add(linears);
        }
        return new ModelProto
        {
            IrVersion = 8,
            Graph = graph,
            OpsetImport = { new OperatorSetIdProto { Version = 17 }, new OperatorSetIdProto { Domain = OpSet.MoeDomain, Version = 1 } },
        }.ToByteArray();
    }

    private static ValueInfoProto Rows(string name)
    {
        var shape = new TensorShapeProto { Dim = { new TensorShapeProto.Types.Dimension(), new TensorShapeProto.Types.Dimension() } };
        return new() { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)ElementType.Float, Shape = shape } } };
    }
}
