using MathNet.Numerics.LinearAlgebra;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>
/// Quantizes a matrix so that its products with typical inputs change little (Frantar et al. 2022, arXiv 2210.17323): input by input in their order, and what one
/// rounding lost is made up for by the inputs after it. Ranges are those of the numbers as they are when a group begins.
/// </summary>
public static class Gptq
{
    /// <summary>Added to the diagonal, as a part of its mean.</summary>
    public const double Damping = 0.01;

    /// <param name="matrix">[inputs, outputs]</param>
    /// <param name="products">Sum of x x^T over typical inputs x, [inputs, inputs]; any multiple gives the same.</param>
    /// <param name="bits">2 to 8.</param>
    /// <param name="group">Inputs of a group; divides them.</param>
    /// <param name="symmetric">See <see cref="AffineRange"/>.</param>
    public static QuantizedMatrix Quantize(ReadOnlySpan<float> matrix, Matrix<double> products, int bits, int group, bool symmetric)
    {
        var inputs = products.RowCount;
        var outputs = matrix.Length / inputs;
        var inverse = InverseFactor(products);
        var result = QuantizedMatrix.Empty(inputs, outputs, bits, group);
        var left = matrix.ToArray();
        var errors = new double[outputs];
        for (var input = 0; input < inputs; input++)
        {
            if (input % group == 0)
                for (var output = 0; output < outputs; output++)
                    result.SetRange(input / group, output, QuantizedMatrix.RangeOf(left, outputs, input, group, output, bits, symmetric));
            for (var output = 0; output < outputs; output++)
            {
                var (at, range) = ((input * outputs) + output, result.RangeAt(input, output));
                result.Codes[at] = range.Code(left[at], bits);
                errors[output] = (left[at] - range.Number(result.Codes[at])) / inverse[input, input];
            }
            for (var later = input + 1; later < inputs; later++)
                if (inverse[input, later] is var factor && factor != 0)
                    for (var output = 0; output < outputs; output++)
                        left[(later * outputs) + output] -= (float)(errors[output] * factor);
        }
        return result;
    }

    /// <summary>The upper triangular U with U^T U the inverse of the damped products. An input that is always 0 counts as one that meets no other.</summary>
    private static Matrix<double> InverseFactor(Matrix<double> products)
    {
        var damped = products.Clone();
        var mean = damped.Diagonal().Average();
        for (var i = 0; i < damped.RowCount; i++)
            damped[i, i] = damped[i, i] == 0 ? Math.Max(mean, 1) : damped[i, i] + (Damping * mean);
        return damped.Cholesky().Solve(Matrix<double>.Build.DenseIdentity(damped.RowCount)).Cholesky().Factor.Transpose();
    }
}
