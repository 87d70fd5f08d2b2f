using Google.Protobuf;
using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Bench.Kernels;

/// <summary>Models of products of one x with constant matrices, whose results are outputs.</summary>
internal static class DenseModels
{
    /// <param name="op">MatMul or Linear.</param>
    /// <param name="matrices">float [D, F].</param>
    public static byte[] Products(string op, IReadOnlyList<HostTensor> matrices)
    {
        var graph = new GraphProto { Name = "dense", Input = { Rows("x") } };
        var domain = op == "MatMul" ? "" : OpSet.MoeDomain;
        foreach (var (i, matrix) in matrices.Index())
        {
            graph.Initializer.Add(new TensorProto { Name = $"matrix_{i}", DataType = (int)matrix.Type, Dims = { matrix.Shape }, RawData = ByteString.CopyFrom(matrix.Data) });
            graph.Output.Add(Rows($"y_{i}"));
            graph.Node.Add(new NodeProto { Name = $"product_{i}", OpType = op, Domain = domain, Input = { "x", $"matrix_{i}" }, Output = { $"y_{i}" } });
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
