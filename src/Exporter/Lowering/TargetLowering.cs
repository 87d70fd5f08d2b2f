using Onnx;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter.Lowering;

/// <summary>How one export target writes the ops of the domain <c>onnxmoe</c>: GroupedFfn, GroupedLinear, RmsNorm, CausalAttention.</summary>
public abstract class TargetLowering
{
    /// <summary>Appends what stands for the op to <paramref name="ops"/> and returns its outputs.</summary>
    /// <exception cref="Artifacts.UserError">The target cannot express it.</exception>
    public abstract Value[] Lower(OnnxOps ops, string op, Value?[] inputs, Attributes attributes, int outputs);

    /// <summary>
    /// A node, without name and outputs, that multiplies <paramref name="x"/> [..., D] with a weight in the form in which the file's precision stores it; null where
    /// the product stays a MatMul of floats.
    /// </summary>
    internal virtual NodeProto? StoredProduct(OnnxOps ops, Value x, StoredMatrix matrix) => null;
}
