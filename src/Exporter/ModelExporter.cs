using System.Globalization;
using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Exporter.Lowering;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter;

/// <summary>Turns a model into ONNX by running its forward pass once on symbolic inputs.</summary>
public static class ModelExporter
{
    private const int IrVersion = 8;

    /// <param name="model">Any model; its inputs and outputs become the graph's.</param>
    /// <param name="name">Name of the graph.</param>
    /// <exception cref="Artifacts.UserError">The model uses an op that the target cannot express.</exception>
    public static ExportedModel Export(Model model, ExportTarget target, WeightPrecision precision, string name)
    {
        var ops = new OnnxOps(Lowering(target), precision);
        var inputs = model.Inputs.ToDictionary(spec => spec.Name, spec => (Value)ops.Input(spec.Name, spec.Type));
        var outputs = model.Run(ops, inputs);
        new StoredProducts(ops).Rewrite(outputs);
        var (graph, initializers) = GraphFinish.Finish(ops, name, model.Inputs, model.Outputs, outputs);
        var exported = new ExportedModel(Wrap(graph, ops, target, precision), initializers) { Precision = precision, Quantized = ops.Quantized };
        GraphCheck.Require(exported);
        return exported;
    }

    /// <summary>
    /// True when the rows of a batch may be padded on the left: not where GroupQueryAttention runs, which takes the first
    /// position of every row for a real one.
    /// </summary>
    public static bool AllowsLeftPadding(ExportedModel model) => model.Proto.Graph.Node.All(node => node.OpType != OnnxRuntimeTarget.AttentionOp);

    /// <summary>The rules of a target.</summary>
    public static TargetLowering Lowering(ExportTarget target) =>
        target == ExportTarget.OnnxRuntime ? new OnnxRuntimeTarget() : new FunctionTarget();

    private static ModelProto Wrap(GraphProto graph, OnnxOps ops, ExportTarget target, WeightPrecision precision)
    {
        var model = new ModelProto
        {
            IrVersion = IrVersion,
            ProducerName = "onnxmoe",
            ProducerVersion = typeof(ModelExporter).Assembly.GetName().Version!.ToString(3),
            Graph = graph,
        };
        var calls = graph.Node.Where(node => node.Domain == OpSet.MoeDomain).Select(node => node.OpType).ToHashSet();
        model.Functions.AddRange(ops.Functions.All.Where(function => calls.Contains(function.Name)));
        model.OpsetImport.Add(new OperatorSetIdProto { Domain = "", Version = OpSet.OnnxOpset });
        foreach (var domain in graph.Node.Select(node => node.Domain).Where(domain => domain.Length > 0).Distinct().Order(StringComparer.Ordinal))
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = 1 });
        Note("precision", precision.Word());
        if (precision.CodeBits() is not null)
            Note("block_size", BlockCodes.BlockSize.ToString(CultureInfo.InvariantCulture));
        // onnx and onnxmoe are one file, whose MoE ops the kernels may take over.
        Note("target", target == ExportTarget.OnnxRuntime ? "onnxruntime" : "onnxmoe");
        Note("left_padding", graph.Node.Any(node => node.OpType == OnnxRuntimeTarget.AttentionOp) ? "no" : "yes");
        return model;

        void Note(string key, string value) => model.MetadataProps.Add(new StringStringEntryProto { Key = $"onnxmoe.{key}", Value = value });
    }
}
