using OnnxMoe.Artifacts.Tensors;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Which method runs which operator, and the rules for element types that all of them share.</summary>
internal sealed class KernelTable
{
    private readonly Dictionary<(string Op, string Domain), Func<OpCall, Value[]>> _kernels = [];

    /// <summary>All families.</summary>
    public static KernelTable Standard()
    {
        var table = new KernelTable();
        ArithmeticKernels.Register(table);
        LogicKernels.Register(table);
        ActivationKernels.Register(table);
        ProductKernels.Register(table);
        ReductionKernels.Register(table);
        SortKernels.Register(table);
        ShapeKernels.Register(table);
        PartKernels.Register(table);
        ConstantKernels.Register(table);
        GatherKernels.Register(table);
        ScatterKernels.Register(table);
        NormalizationKernels.Register(table);
        ConvolutionKernels.Register(table);
        PoolKernels.Register(table);
        RecurrentKernels.Register(table);
        MoeKernels.Register(table);
        FusedKernels.Register(table);
        QuantizationKernels.Register(table);
        return table;
    }

    public IReadOnlyList<string> Names =>
        [.. _kernels.Keys.Select(k => k.Domain.Length == 0 ? k.Op : $"{k.Domain}.{k.Op}").Order(StringComparer.Ordinal)];

    public Func<OpCall, Value[]>? Find(string op, string domain) =>
        _kernels.GetValueOrDefault((op, domain == "ai.onnx" ? "" : domain));

    /// <summary>
    /// An operator with one output, of the type of its first data input. <paramref name="computes"/> is false for operators
    /// that only move elements, which every type can do; the others compute half-precision numbers in float, since the CPU
    /// has no half-precision form of many operators.
    /// </summary>
    public void Add(string op, Func<OpCall, Tensor> kernel, bool computes = true, string domain = "") =>
        AddMany(op, call => [kernel(call)], computes, domain);

    /// <inheritdoc cref="Add"/>
    public void AddMany(string op, Func<OpCall, Tensor[]> kernel, bool computes = true, string domain = "") =>
        _kernels.Add((op, domain), call => ElementRules.Run(call, kernel, computes));

    /// <summary>An operator that decides itself on the types of its outputs.</summary>
    public void AddTyped(string op, Func<OpCall, Value[]> kernel, string domain = "") => _kernels.Add((op, domain), kernel);
}
