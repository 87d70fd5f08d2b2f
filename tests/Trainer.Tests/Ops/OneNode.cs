using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Tests.Ops;

/// <summary>Runs one operator by ONNX Runtime, as a model with a single node.</summary>
internal static class OneNode
{
    /// <summary>The outputs, or null when this ONNX Runtime has no kernel for the operator with these element types.</summary>
    public static HostTensor[]? OnnxRuntime(OpCase op)
    {
        using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_FATAL, IntraOpNumThreads = 1 };
        InferenceSession session;
        try
        {
            session = new InferenceSession(Model(op).ToByteArray(), options);
        }
        catch (OnnxRuntimeException problem) when (problem.Message.Contains("Could not find an implementation", StringComparison.Ordinal))
        {
            return null;
        }
        using (session)
        using (var run = new RunOptions())
        {
            var feeds = new Dictionary<string, OrtValue>();
            for (var i = 0; i < op.Inputs.Length; i++)
            {
                if (op.Inputs[i] is { } tensor)
                    feeds[$"x{i}"] = ToOrt(tensor);
            }
            using var results = session.Run(run, feeds, [.. Enumerable.Range(0, op.Outputs).Select(o => $"y{o}")]);
            foreach (var feed in feeds.Values)
                feed.Dispose();
            return [.. results.Select(ToHost)];
        }
    }

    private static ModelProto Model(OpCase op)
    {
        var node = new NodeProto { OpType = op.Op };
        var graph = new GraphProto { Name = "one", Node = { node } };
        for (var i = 0; i < op.Inputs.Length; i++)
        {
            node.Input.Add(op.Inputs[i] is null ? "" : $"x{i}");
            if (op.Inputs[i] is { } tensor)
                graph.Input.Add(Info($"x{i}", tensor.Type));
        }
        for (var o = 0; o < op.Outputs; o++)
        {
            node.Output.Add($"y{o}");
            graph.Output.Add(new ValueInfoProto { Name = $"y{o}" });
        }
        foreach (var (name, value) in op.Attributes)
            node.Attribute.Add(Attribute(name, value));
        return new ModelProto { IrVersion = 8, Graph = graph, OpsetImport = { new OperatorSetIdProto { Version = OpSet.OnnxOpset } } };
    }

    private static ValueInfoProto Info(string name, ElementType type) =>
        new() { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type } } };

    private static AttributeProto Attribute(string name, object value)
    {
        var attribute = new AttributeProto { Name = name };
        switch (value)
        {
            case long integer:
                (attribute.Type, attribute.I) = (AttributeProto.Types.AttributeType.Int, integer);
                break;
            case float number:
                (attribute.Type, attribute.F) = (AttributeProto.Types.AttributeType.Float, number);
                break;
            case string text:
                (attribute.Type, attribute.S) = (AttributeProto.Types.AttributeType.String, ByteString.CopyFromUtf8(text));
                break;
            case long[] integers:
                attribute.Type = AttributeProto.Types.AttributeType.Ints;
                attribute.Ints.Add(integers);
                break;
            case float[] numbers:
                attribute.Type = AttributeProto.Types.AttributeType.Floats;
                attribute.Floats.Add(numbers);
                break;
            case string[] texts:
                attribute.Type = AttributeProto.Types.AttributeType.Strings;
                attribute.Strings.Add(texts.Select(ByteString.CopyFromUtf8));
                break;
            case HostTensor tensor:
                (attribute.Type, attribute.T) = (AttributeProto.Types.AttributeType.Tensor, TensorProtoFile.FromHost(tensor));
                break;
            default:
                throw new NotSupportedException(value.GetType().Name);
        }
        return attribute;
    }

    private static OrtValue ToOrt(HostTensor tensor)
    {
        var value = OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (Microsoft.ML.OnnxRuntime.Tensors.TensorElementType)tensor.Type, tensor.Shape);
        if (tensor.Data.Length > 0)
            tensor.Data.CopyTo(value.GetTensorMutableRawData());
        return value;
    }

    private static HostTensor ToHost(OrtValue value)
    {
        var info = value.GetTensorTypeAndShape();
        return new HostTensor((ElementType)info.ElementDataType, info.Shape, info.ElementCount == 0 ? [] : value.GetTensorMutableRawData().ToArray());
    }
}
