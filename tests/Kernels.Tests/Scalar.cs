namespace OnnxMoe.Kernels.Tests;

/// <summary>The activations for one number, in double precision.</summary>
internal static class Scalar
{
    public static double Activate(string name, double x) => name switch
    {
        "relu" => Math.Max(x, 0),
        "silu" => x / (1 + Math.Exp(-x)),
        "gelu" => x / 2 * (1 + Erf(x / Math.Sqrt(2))),
        "identity" => x,
        _ => throw new ArgumentException($"no activation {name}"),
    };

    /// <summary>2/sqrt(pi) times the integral of exp(-t^2) from 0 to x: its power series, exact to rounding for small |x|.</summary>
    private static double Erf(double x)
    {
        if (Math.Abs(x) > 5.5)
            return Math.Sign(x);
        double sum = 0, term = x;
        for (var n = 0; Math.Abs(term) > 1e-18; n++)
        {
            sum += term / (2 * n + 1);
            term *= -x * x / (n + 1);
        }
        return 2 / Math.Sqrt(Math.PI) * sum;
    }
}
