using Google.Protobuf;
using Onnx;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Exporter.Graph;

/// <summary>Tensors as ONNX messages.</summary>
internal static class TensorCodec
{
    /// <summary>The tensor as a message that shares its bytes.</summary>
    public static TensorProto Encode(HostTensor tensor, string name)
    {
        var proto = new TensorProto { DataType = (int)tensor.Type, RawData = UnsafeByteOperations.UnsafeWrap(tensor.Data) };
        if (name.Length > 0)
            proto.Name = name;
        proto.Dims.AddRange(tensor.Shape);
        return proto;
    }
}
