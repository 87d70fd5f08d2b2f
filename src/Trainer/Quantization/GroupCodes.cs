using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>
/// A matrix [inputs, outputs] as packed codes with a scale and a zero point for each output and group of inputs: W = scale * (code - zero). Zero points are
/// floating-point numbers, so that an adapter can be merged into them. Standard operators unpack it; nothing of it is trained.
/// </summary>
public sealed class GroupCodes : Layer, IMatrixProduct
{
    private readonly int _inputs;
    private readonly int _outputs;
    private readonly int _group;
    private readonly Weight[] _codes;
    private readonly Weight _scale;
    private readonly Weight _zero;

    /// <param name="scope">Of the weights.</param>
    /// <param name="inputs">Rows.</param>
    /// <param name="outputs">Columns.</param>
    /// <param name="bits">2 to 8.</param>
    /// <param name="group">Divides the inputs.</param>
    public GroupCodes(LayerScope scope, int inputs, int outputs, int bits, int group) : base(scope)
    {
        (_inputs, _outputs, Bits, _group) = (inputs, outputs, bits, group);
        var frozen = scope.Frozen();
        _codes = [.. PackedCodes.Planes(bits).Select((plane, i) => frozen.Codes(i == 0 ? "codes" : $"codes_{i}", i == 0 ? (long)inputs * outputs : 0, PackedCodes.PackedRows(inputs, plane), outputs))];
        _scale = frozen.Statistic("scale", 1, inputs / group, outputs);
        _zero = frozen.Statistic("zero", 0, inputs / group, outputs);
    }

    /// <summary>Of a code.</summary>
    public int Bits { get; }

    /// <summary>Bytes of such a matrix in a file.</summary>
    public static long Bytes(int inputs, int outputs, int bits, int group) =>
        PackedCodes.Planes(bits).Sum(plane => (long)PackedCodes.PackedRows(inputs, plane) * outputs) + (2L * sizeof(float) * (inputs / group) * outputs);

    public void Set(QuantizedMatrix matrix)
    {
        foreach (var (weight, plane) in _codes.Zip(PackedCodes.Pack(matrix.Codes, _inputs, Bits)))
            Fill(weight, plane);
        Fill(_scale, HostTensor.From(matrix.Scales, _scale.Shape));
        Fill(_zero, HostTensor.From(Array.ConvertAll(matrix.Zeros, zero => (float)zero), _zero.Shape));
    }

    /// <summary>Takes over the same matrix with an adapter added, which only moves zero points: codes and scales stay as they are.</summary>
    /// <param name="source">Of the same sizes.</param>
    /// <param name="added">What the adapter adds to every number of a group, [inputs / group, outputs]; null: nothing.</param>
    public void Merge(GroupCodes source, Tensor? added)
    {
        using var noGrad = no_grad();
        foreach (var (weight, from) in _codes.Zip(source._codes))
            weight.Parameter.copy_(from.Parameter);
        _scale.Parameter.copy_(source._scale.Parameter);
        _zero.Parameter.copy_(source._zero.Parameter);
        if (added is not null)
            _zero.Parameter.sub_(added.div(_scale.Parameter));
    }

    public Value Of(Value x) => x.MatMul(Matrix(x.Ops));

    /// <summary>The numbers that the codes stand for, [inputs, outputs].</summary>
    public Value Matrix(OpSet ops)
    {
        var codes = PackedCodes.Unpack([.. _codes.Select(ops.Weight)], _inputs, _outputs, Bits).Cast(ElementType.Float).Reshape(-1, _group, _outputs);
        return ((codes - ops.Weight(_zero).Unsqueeze(1)) * ops.Weight(_scale).Unsqueeze(1)).Reshape(-1, _outputs);
    }

    private static void Fill(Weight weight, HostTensor values)
    {
        using var noGrad = no_grad();
        using var tensor = TorchTensors.ToTorch(values);
        weight.Parameter.copy_(tensor);
    }
}
