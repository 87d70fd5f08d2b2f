namespace OnnxMoe.Supernets;

/// <summary>Times of a model in ONNX Runtime, in milliseconds.</summary>
/// <param name="Median">The middle one of the runs.</param>
/// <param name="Lower">A quarter of the runs was faster.</param>
/// <param name="Upper">A quarter was slower.</param>
public sealed record Timing(double Median, double Lower, double Upper)
{
    public static Timing Of(IEnumerable<double> milliseconds)
    {
        var ordered = milliseconds.Order().ToArray();
        double At(double share) => ordered[(int)Math.Round(share * (ordered.Length - 1))];
        return new(At(0.5), At(0.25), At(0.75));
    }
}
