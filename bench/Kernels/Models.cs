using Google.Protobuf;
using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Bench.Kernels;

/// <summary>One-node models of the same layer.</summary>
internal static class Models
{
    /// <summary>GroupedFfn, with its function body: the kernel runs it where the library is registered, else the body.</summary>
    /// <param name="half">Weights in half precision.</param>
    public static byte[] GroupedFfn(Layer layer, bool half)
    {
        var type = half ? ElementType.Float16 : ElementType.Float;
        var ops = new OnnxOps(ModelExporter.Lowering(ExportTarget.OnnxMoe));
        ops.Input("x", ElementType.Float).GroupedFfn(ops.Input("indices", ElementType.Int64), ops.Input("weights", ElementType.Float),
            ops.Input("up", type), ops.Input("down", type), ops.Input("gate", type));
        HostTensor Stored(HostTensor tensor) => half ? HostTensor.From(Array.ConvertAll(tensor.AsSpan<float>().ToArray(), v => (Half)v), tensor.Shape) : tensor;

        var node = new NodeProto { Name = "layer", OpType = "GroupedFfn", Domain = OpSet.MoeDomain, Input = { "x", "indices", "weights", "up", "down", "gate" } };
        node.Attribute.Add(new AttributeProto { Name = "activation", Type = AttributeProto.Types.AttributeType.String, S = ByteString.CopyFromUtf8("silu") });
        var model = Model(node, ("x", ElementType.Float), ("indices", ElementType.Int64), ("weights", ElementType.Float));
        model.Graph.Initializer.Add([Constant("up", Stored(layer.Up)), Constant("down", Stored(layer.Down)), Constant("gate", Stored(layer.Gate))]);
        model.Functions.Add(ops.Functions.All);
        return model.ToByteArray();
    }

    /// <summary>QuantizedGroupedFfn, without a function body.</summary>
    /// <param name="bits">8 or 4.</param>
    public static byte[] QuantizedGroupedFfn(Layer layer, int bits)
    {
        string[] matrices = ["up", "down", "gate"];
        var node = new NodeProto { Name = "layer", OpType = "QuantizedGroupedFfn", Domain = OpSet.MoeDomain, Input = { "x", "indices", "weights" } };
        node.Input.Add(matrices.SelectMany(name => new[] { name, $"{name}_scales" }));
        node.Attribute.Add(new AttributeProto { Name = "activation", Type = AttributeProto.Types.AttributeType.String, S = ByteString.CopyFromUtf8("silu") });
        var model = Model(node, ("x", ElementType.Float), ("indices", ElementType.Int64), ("weights", ElementType.Float));
        foreach (var (name, tensor) in matrices.Zip([layer.Up, layer.Down, layer.Gate]))
        {
            var codes = BlockCodes.Quantize(tensor, bits);
            model.Graph.Initializer.Add([Constant(name, codes.Codes), Constant($"{name}_scales", codes.Scales)]);
        }
        return model.ToByteArray();
    }

    /// <summary>ONNX Runtime's own com.microsoft QMoE with the same codes: a row of blocks for every output, unsigned.</summary>
    /// <param name="bits">8 or 4.</param>
    public static byte[] OnnxRuntimeQMoe(Layer layer, int bits)
    {
        var node = new NodeProto { Name = "layer", OpType = "QMoE", Domain = "com.microsoft", Input = { "x", "logits", "fc1", "fc1_scales", "", "fc2", "fc2_scales" } };
        node.Attribute.Add([Integer("k", layer.Picks), Integer("normalize_routing_weights", 1), Integer("swiglu_fusion", 1), Float("activation_alpha", 1),
            Float("activation_beta", 0), Integer("expert_weight_bits", bits), Integer("block_size", BlockCodes.BlockSize)]);
        node.Attribute.Add(new AttributeProto { Name = "activation_type", Type = AttributeProto.Types.AttributeType.String, S = ByteString.CopyFromUtf8("swiglu") });
        var model = Model(node, ("x", ElementType.Float), ("logits", ElementType.Float));
        var both = Transposed<float>(Interleaved(layer)); // [E, D, 2F]
        foreach (var (name, tensor) in new[] { ("fc1", both), ("fc2", layer.Down) })
        {
            var codes = BlockCodes.Quantize(tensor, bits);
            var bytes = Array.ConvertAll(codes.Codes.Data, code => bits == 8 ? (byte)(code + 128) : code);
            model.Graph.Initializer.Add(Constant(name, Transposed<byte>(new HostTensor(ElementType.UInt8, codes.Codes.Shape, bytes))));
            model.Graph.Initializer.Add(Constant($"{name}_scales", Transposed<float>(codes.Scales)));
        }
        return model.ToByteArray();
    }

    /// <summary>ONNX Runtime's own com.microsoft MoE, which routes by itself from the logits.</summary>
    public static byte[] OnnxRuntimeMoe(Layer layer)
    {
        var node = new NodeProto { Name = "layer", OpType = "MoE", Domain = "com.microsoft", Input = { "x", "logits", "fc1", "", "fc2" } };
        node.Attribute.Add([Integer("k", layer.Picks), Integer("normalize_routing_weights", 1), Integer("swiglu_fusion", 1), Float("activation_alpha", 1), Float("activation_beta", 0)]);
        node.Attribute.Add(new AttributeProto { Name = "activation_type", Type = AttributeProto.Types.AttributeType.String, S = ByteString.CopyFromUtf8("swiglu") });
        var model = Model(node, ("x", ElementType.Float), ("logits", ElementType.Float));
        model.Graph.Initializer.Add([Constant("fc1", Interleaved(layer)), Constant("fc2", Transposed<float>(layer.Down))]);
        return model.ToByteArray();
    }

    /// <summary>PagedAttention of <see cref="AttentionWork"/>'s heads.</summary>
    /// <param name="half">Caches in half precision.</param>
    public static byte[] PagedAttention(bool half, int pageSize)
    {
        var node = new NodeProto { Name = "attention", OpType = "PagedAttention", Domain = OpSet.MoeDomain };
        node.Attribute.Add([Integer("num_heads", AttentionWork.Heads), Integer("kv_num_heads", AttentionWork.Heads), Integer("page_size", pageSize)]);
        var cache = half ? ElementType.Float16 : ElementType.Float;
        return Attention(node, ("query", ElementType.Float, 2), ("key", ElementType.Float, 2), ("value", ElementType.Float, 2), ("key_cache", cache, 2), ("value_cache", cache, 2),
            ("page_table", ElementType.Int32, 2), ("starts", ElementType.Int32, 1), ("past", ElementType.Int32, 1), ("positions", ElementType.Int64, 1),
            ("cos", ElementType.Float, 2), ("sin", ElementType.Float, 2));
    }

    /// <summary>ONNX Runtime's own com.microsoft GroupQueryAttention of the same heads.</summary>
    public static byte[] GroupQueryAttention()
    {
        var node = new NodeProto { Name = "attention", OpType = "GroupQueryAttention", Domain = "com.microsoft" };
        node.Attribute.Add([Integer("num_heads", AttentionWork.Heads), Integer("kv_num_heads", AttentionWork.Heads), Integer("do_rotary", 1)]);
        return Attention(node, ("query", ElementType.Float, 3), ("key", ElementType.Float, 3), ("value", ElementType.Float, 3), ("past_key", ElementType.Float, 4),
            ("past_value", ElementType.Float, 4), ("ends", ElementType.Int32, 1), ("total", ElementType.Int32, 1), ("cos", ElementType.Float, 2), ("sin", ElementType.Float, 2));
    }

    private static byte[] Attention(NodeProto node, params (string Name, ElementType Type, int Rank)[] inputs)
    {
        node.Input.Add(inputs.Select(input => input.Name));
        var model = Model(node);
        model.Graph.Input.Add(inputs.Select(input => Tensor(input.Name, input.Type, input.Rank)));
        model.Graph.Output.Clear();
        var rank = inputs[0].Rank;
        model.Graph.Output.Add(Tensor("y", ElementType.Float, rank));
        if (rank == 3)
        {
            node.Output.Add(["present_key", "present_value"]);
            model.Graph.Output.Add([Tensor("present_key", ElementType.Float, 4), Tensor("present_value", ElementType.Float, 4)]);
        }
        return model.ToByteArray();
    }

    private static ModelProto Model(NodeProto node, params (string Name, ElementType Type)[] inputs)
    {
        node.Output.Add("y");
        var graph = new GraphProto { Name = "layer", Node = { node } };
        graph.Input.Add(inputs.Select(input => Matrix(input.Name, input.Type)));
        graph.Output.Add(Matrix("y", ElementType.Float));
        return new ModelProto
        {
            IrVersion = 8,
            Graph = graph,
            OpsetImport = { new OperatorSetIdProto { Version = 17 }, new OperatorSetIdProto { Domain = node.Domain, Version = 1 } },
        };
    }

    private static ValueInfoProto Matrix(string name, ElementType type) => Tensor(name, type, 2);

    private static ValueInfoProto Tensor(string name, ElementType type, int rank)
    {
        var shape = new TensorShapeProto();
        for (var i = 0; i < rank; i++)
            shape.Dim.Add(new TensorShapeProto.Types.Dimension());
        return new() { Name = name, Type = new TypeProto { TensorType = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = shape } } };
    }

    private static AttributeProto Integer(string name, long value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Int, I = value };

    private static AttributeProto Float(string name, float value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Float, F = value };

    private static TensorProto Constant(string name, HostTensor tensor) =>
        new() { Name = name, DataType = (int)tensor.Type, Dims = { tensor.Shape }, RawData = ByteString.CopyFrom(tensor.Data) };

    /// <summary>[E, a, b] to [E, b, a].</summary>
    private static HostTensor Transposed<T>(HostTensor tensor) where T : unmanaged
    {
        var (experts, rows, columns) = ((int)tensor.Shape[0], (int)tensor.Shape[1], (int)tensor.Shape[2]);
        var from = tensor.AsSpan<T>();
        var to = new T[tensor.Count];
        for (var e = 0; e < experts; e++)
            for (var i = 0; i < rows; i++)
                for (var j = 0; j < columns; j++)
                    to[(e * columns + j) * rows + i] = from[(e * rows + i) * columns + j];
        return HostTensor.From(to, experts, columns, rows);
    }

    /// <summary>Rows gate 0, up 0, gate 1, up 1, ...: [E, 2F, D].</summary>
    private static HostTensor Interleaved(Layer layer)
    {
        var (gate, up) = (Transposed<float>(layer.Gate), Transposed<float>(layer.Up));
        var to = new float[gate.Count * 2];
        for (var row = 0; row < layer.Experts * layer.Hidden; row++)
        {
            gate.AsSpan<float>().Slice(row * layer.Width, layer.Width).CopyTo(to.AsSpan(2 * row * layer.Width));
            up.AsSpan<float>().Slice(row * layer.Width, layer.Width).CopyTo(to.AsSpan((2 * row + 1) * layer.Width));
        }
        return HostTensor.From(to, layer.Experts, 2 * layer.Hidden, layer.Width);
    }
}
