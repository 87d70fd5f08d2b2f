using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Functions;

/// <summary>A loop over the experts that a batch uses, as ONNX's Loop: an expert that nobody picked costs nothing.</summary>
internal static class ExpertLoop
{
    /// <summary>Runs <paramref name="step"/> for each expert in <paramref name="indices"/>, -1 excepted.</summary>
    /// <param name="indices">[T, K] int64.</param>
    /// <param name="start">The result when no expert is used.</param>
    /// <param name="step">
    /// Gets the loop body's ops, the expert (a scalar) and the result so far; returns the next result. Values from outside come in
    /// through <see cref="OnnxOps.Use"/>.
    /// </param>
    public static Value Run(OnnxOps ops, Value indices, Value start, Func<OnnxOps, Value, Value, Value> step)
    {
        var distinct = ops.Apply("Unique", [indices.Reshape(-1)])[0];
        var used = ops.Apply("Compress", [distinct, distinct.GreaterOrEqual(distinct.Scalar(0))])[0]; // [N]

        var body = ops.Subgraph();
        var number = body.Input("number", ElementType.Int64);
        var goOn = body.Input("go_on", ElementType.Bool);
        var sum = body.Input("sum", start.Type);
        var next = step(body, body.Use(used).Gather(number), sum);

        var graph = new GraphProto { Name = "expert" };
        graph.Input.Add([Describe(number, 0), Describe(goOn, 0), Describe(sum)]);
        graph.Node.Add(body.Nodes);
        var condition = new NodeProto { OpType = "Identity", Name = "keep_going" };
        condition.Input.Add(goOn.Name);
        condition.Output.Add("go_on_next");
        graph.Node.Add(condition);
        graph.Output.Add([Describe(new OnnxValue(body, "go_on_next", ElementType.Bool), 0), Describe((OnnxValue)next)]);

        var loop = NodeBuilder.Node("", "Loop", [], [], _ => "");
        loop.Input.Add([((OnnxValue)used.Shape().Squeeze(0)).Name, ((OnnxValue)ops.Constant(HostTensor.Scalar(true))).Name, ((OnnxValue)start).Name]);
        loop.Attribute.Add(NodeBuilder.Attribute("body", graph));
        return ops.Append(loop, start.Type)[0];
    }

    private static ValueInfoProto Describe(OnnxValue value, int? rank = null)
    {
        var tensor = new TypeProto.Types.Tensor { ElemType = (int)value.Type };
        if (rank is not null)
            tensor.Shape = new TensorShapeProto();
        return new ValueInfoProto { Name = value.Name, Type = new TypeProto { TensorType = tensor } };
    }
}
