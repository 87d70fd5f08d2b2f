namespace OnnxMoe.Trainer.Quantization;

/// <summary>A matrix [inputs, outputs] as codes, with a scale and a zero point for each output and each group of consecutive inputs.</summary>
/// <param name="Bits">Of a code, 2 to 8.</param>
/// <param name="Inputs">Rows.</param>
/// <param name="Outputs">Columns.</param>
/// <param name="Group">Inputs of a group; divides them. As many as there are: one scale an output.</param>
/// <param name="Codes">[inputs, outputs], a byte each.</param>
/// <param name="Scales">[inputs / group, outputs]</param>
/// <param name="Zeros">[inputs / group, outputs]</param>
public sealed record QuantizedMatrix(int Bits, int Inputs, int Outputs, int Group, byte[] Codes, float[] Scales, byte[] Zeros)
{
    /// <summary>Each number to the nearest code of the range of its output and group.</summary>
    /// <param name="matrix">[inputs, outputs]</param>
    /// <param name="inputs">Rows.</param>
    /// <param name="bits">2 to 8.</param>
    /// <param name="group">Inputs of a group.</param>
    /// <param name="symmetric">See <see cref="AffineRange"/>.</param>
    /// <exception cref="ArgumentException">The group does not divide the inputs.</exception>
    public static QuantizedMatrix RoundToNearest(ReadOnlySpan<float> matrix, int inputs, int bits, int group, bool symmetric)
    {
        var outputs = matrix.Length / inputs;
        var result = Empty(inputs, outputs, bits, group);
        for (var block = 0; block < inputs / group; block++)
            for (var output = 0; output < outputs; output++)
                result.SetRange(block, output, RangeOf(matrix, outputs, block * group, group, output, bits, symmetric));
        for (var input = 0; input < inputs; input++)
            for (var output = 0; output < outputs; output++)
                result.Codes[(input * outputs) + output] = result.RangeAt(input, output).Code(matrix[(input * outputs) + output], bits);
        return result;
    }

    /// <summary>A matrix whose codes, scales and zero points are yet to be set.</summary>
    internal static QuantizedMatrix Empty(int inputs, int outputs, int bits, int group)
    {
        if (group < 1 || inputs % group != 0)
            throw new ArgumentException($"Groups of {group} do not divide {inputs} inputs.");
        var blocks = inputs / group * outputs;
        return new(bits, inputs, outputs, group, new byte[inputs * outputs], new float[blocks], new byte[blocks]);
    }

    /// <summary>The range of one output's numbers in a block of inputs.</summary>
    internal static AffineRange RangeOf(ReadOnlySpan<float> matrix, int outputs, int first, int count, int output, int bits, bool symmetric)
    {
        var (least, most) = (0f, 0f);
        for (var input = first; input < first + count; input++)
        {
            least = Math.Min(least, matrix[(input * outputs) + output]);
            most = Math.Max(most, matrix[(input * outputs) + output]);
        }
        return AffineRange.Of(least, most, bits, symmetric);
    }

    /// <summary>Scale and zero point of an element.</summary>
    public AffineRange RangeAt(int input, int output) => new(Scales[(input / Group * Outputs) + output], Zeros[(input / Group * Outputs) + output]);

    /// <summary>The numbers that the codes stand for, [inputs, outputs].</summary>
    public float[] Numbers()
    {
        var numbers = new float[Inputs * Outputs];
        for (var i = 0; i < numbers.Length; i++)
            numbers[i] = RangeAt(i / Outputs, i % Outputs).Number(Codes[i]);
        return numbers;
    }

    internal void SetRange(int block, int output, AffineRange range) =>
        (Scales[(block * Outputs) + output], Zeros[(block * Outputs) + output]) = (range.Scale, range.Zero);
}
