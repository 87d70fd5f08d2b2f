using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops.Kernels;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops;

/// <summary>
/// Runs each operator at once on TorchSharp tensors, with autograd: training, and the reading of ONNX files. The operators
/// are in the classes of <c>Kernels/</c>, one a family; docs/ops.md lists them.
/// </summary>
/// <param name="training">What <see cref="IsTraining"/> answers.</param>
/// <param name="device">Where constants are made; null: the CPU.</param>
public class TorchOps(bool training = false, Device? device = null) : OpSet
{
    private static readonly KernelTable Table = KernelTable.Standard();
    private static readonly Attributes None = [];

    public override bool IsTraining { get; } = training;

    /// <summary>Where constants are made; null: the CPU.</summary>
    public Device? Device { get; } = device;

    /// <summary>Names of all operators as "Op" or "domain.Op", in alphabetical order.</summary>
    public static IReadOnlyList<string> Supported => Table.Names;

    /// <summary>True when the set has the operator.</summary>
    public static bool Has(string op, string domain = "") => Table.Find(op, domain) is not null;

    /// <summary>The tensor behind a value of this back end.</summary>
    public static Tensor TensorOf(Value value) => ((TorchValue)value).Tensor;

    /// <summary>A tensor as a value, without a copy.</summary>
    public TorchValue Value(Tensor tensor) => new(this, tensor);

    public override Value[] Apply(string op, Value?[] inputs, Attributes? attributes = null, int outputs = 1, string domain = "")
    {
        var kernel = Table.Find(op, domain)
            ?? throw new UserError($"The operator '{op}' of domain '{(domain.Length == 0 ? "ai.onnx" : domain)}' is not among those that the torch engine runs (docs/ops.md lists them).");
        var values = new TorchValue?[inputs.Length];
        for (var i = 0; i < inputs.Length; i++)
            values[i] = (TorchValue?)inputs[i];
        return kernel(new OpCall(this, op, values, attributes ?? None, outputs));
    }

    public override Value Constant(HostTensor tensor) => new TorchValue(this, tensor);

    public override Value Detach(Value value) => Value(TensorOf(value).detach());

    protected override Value Stored(Weight weight) => new TorchValue(this, weight.Parameter);
}
