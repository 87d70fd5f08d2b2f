using Google.Protobuf;
using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Graph;

/// <summary>Makes node and attribute messages.</summary>
internal static class NodeBuilder
{
    /// <summary>A node without name and outputs. Trailing omitted inputs are left out, others are empty names.</summary>
    public static NodeProto Node(string domain, string op, Value?[] inputs, Attributes attributes, Func<Value, string> nameOf)
    {
        var node = new NodeProto { OpType = op };
        if (domain.Length > 0)
            node.Domain = domain;
        var count = inputs.Length;
        while (count > 0 && inputs[count - 1] is null)
            count--;
        foreach (var input in inputs[..count])
            node.Input.Add(input is null ? "" : nameOf(input));
        foreach (var (name, value) in attributes.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            node.Attribute.Add(Attribute(name, value));
        return node;
    }

    /// <summary>An attribute of any type that <see cref="Attributes"/> holds, or a subgraph.</summary>
    public static AttributeProto Attribute(string name, object value)
    {
        var attribute = new AttributeProto { Name = name };
        switch (value)
        {
            case long number:
                (attribute.Type, attribute.I) = (AttributeProto.Types.AttributeType.Int, number);
                break;
            case float number:
                (attribute.Type, attribute.F) = (AttributeProto.Types.AttributeType.Float, number);
                break;
            case string text:
                (attribute.Type, attribute.S) = (AttributeProto.Types.AttributeType.String, ByteString.CopyFromUtf8(text));
                break;
            case HostTensor tensor:
                (attribute.Type, attribute.T) = (AttributeProto.Types.AttributeType.Tensor, TensorProtoFile.FromHost(tensor));
                break;
            case GraphProto graph:
                (attribute.Type, attribute.G) = (AttributeProto.Types.AttributeType.Graph, graph);
                break;
            case long[] numbers:
                attribute.Type = AttributeProto.Types.AttributeType.Ints;
                attribute.Ints.AddRange(numbers);
                break;
            case float[] numbers:
                attribute.Type = AttributeProto.Types.AttributeType.Floats;
                attribute.Floats.AddRange(numbers);
                break;
            case string[] texts:
                attribute.Type = AttributeProto.Types.AttributeType.Strings;
                attribute.Strings.AddRange(texts.Select(ByteString.CopyFromUtf8));
                break;
            default:
                throw new ArgumentException($"The attribute '{name}' is a {value.GetType().Name}, which ONNX attributes cannot be.");
        }
        return attribute;
    }
}
