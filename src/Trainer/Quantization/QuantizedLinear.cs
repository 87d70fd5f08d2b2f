using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>
/// An affine layer of whole numbers: its inputs are rounded to codes of 8 bits, with one range for all, its matrix is kept as codes with a range for each output,
/// its bias in the steps of their products. Written with QuantizeLinear and DequantizeLinear around Gemm, which runtimes turn into products of integers; fewer than
/// 8 bits are kept packed and unpacked by standard operators.
/// </summary>
/// <remarks>
/// Codes are uint8, symmetric ones around 128: ONNX Runtime's products of uint8 with int8 overflow on x86 processors without VNNI, those of uint8 with uint8 do not.
/// </remarks>
public sealed class QuantizedLinear : Affine
{
    private readonly int _inputs;
    private readonly int _outputs;
    private readonly LinearPrecision _precision;
    private readonly Weight[] _codes;
    private readonly Weight _scale;
    private readonly Weight _zero;
    private readonly Weight _inputScale;
    private readonly Weight _inputZero;
    private readonly Weight _bias;

    /// <param name="scope">Of the weights.</param>
    /// <param name="inputs">Rows of the matrix.</param>
    /// <param name="outputs">Columns.</param>
    /// <param name="precision">Of the matrix.</param>
    public QuantizedLinear(LayerScope scope, int inputs, int outputs, LinearPrecision precision) : base(scope)
    {
        (_inputs, _outputs, _precision) = (inputs, outputs, precision);
        var frozen = scope.Frozen();
        var planes = PackedCodes.Planes(precision.Bits);
        _codes = [.. planes.Select((plane, i) => frozen.Codes(i == 0 ? "weight" : $"weight_{i}", i == 0 ? (long)inputs * outputs : 0, PackedCodes.PackedRows(inputs, plane), outputs))];
        _scale = frozen.Statistic("scale", 1, outputs);
        _zero = frozen.Codes("zero", 0, outputs);
        _inputScale = frozen.Statistic("input_scale", 1);
        _inputZero = frozen.Codes("input_zero", 0);
        _bias = frozen.Integers("bias", outputs);
    }

    /// <summary>Takes over a trained layer.</summary>
    /// <param name="matrix">[inputs, outputs]</param>
    /// <param name="bias">[outputs]</param>
    /// <param name="range">What the codes of the inputs cover.</param>
    public void Set(ReadOnlySpan<float> matrix, ReadOnlySpan<float> bias, (float Least, float Most) range)
    {
        var quantized = QuantizedMatrix.RoundToNearest(matrix, _inputs, _precision.Bits, _inputs, _precision.Symmetric);
        var input = AffineRange.Of(range.Least, range.Most, 8, symmetric: false);
        foreach (var (weight, codes) in _codes.Zip(PackedCodes.Pack(quantized.Codes, _inputs, _precision.Bits)))
            Fill(weight, codes);
        Fill(_scale, HostTensor.From(quantized.Scales, _outputs));
        Fill(_zero, HostTensor.From(quantized.Zeros, _outputs));
        Fill(_inputScale, HostTensor.Scalar(input.Scale));
        Fill(_inputZero, HostTensor.Scalar(input.Zero));
        var steps = new int[_outputs];
        for (var i = 0; i < _outputs; i++)
            steps[i] = (int)Math.Clamp(Math.Round(bias[i] / ((double)quantized.Scales[i] * input.Scale)), int.MinValue, int.MaxValue);
        Fill(_bias, HostTensor.From(steps, _outputs));
    }

    /// <summary>Bytes of the numbers that a file holds of such a layer.</summary>
    public static long Bytes(int inputs, int outputs, LinearPrecision precision) => precision.IsQuantized
        ? PackedCodes.Planes(precision.Bits).Sum(plane => (long)PackedCodes.PackedRows(inputs, plane) * outputs) + (outputs * (sizeof(float) + 1L)) + sizeof(float) + 1 + (outputs * (long)sizeof(float))
        : (inputs + 1L) * outputs * sizeof(float);

    public override Value Forward(Value x, int usedInputs, int usedOutputs)
    {
        if (usedInputs != _inputs || usedOutputs != _outputs)
            throw new InvalidOperationException($"{Name} is quantized as {_inputs} x {_outputs}; it cannot be used as {usedInputs} x {usedOutputs}.");
        var ops = x.Ops;
        var codes = PackedCodes.Unpack([.. _codes.Select(ops.Weight)], _inputs, _outputs, _precision.Bits);
        var (scale, inputScale) = (ops.Weight(_scale), ops.Weight(_inputScale));
        var matrix = codes.DequantizeLinear(scale, ops.Weight(_zero), axis: 1);
        return x.FakeQuantize(inputScale, ops.Weight(_inputZero)).Gemm(matrix, ops.Weight(_bias).DequantizeLinear(scale * inputScale, zero: null, axis: 0));
    }

    private static void Fill(Weight weight, HostTensor values)
    {
        using var noGrad = no_grad();
        using var tensor = TorchTensors.ToTorch(values);
        weight.Parameter.copy_(tensor);
    }
}
