using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Tests.Ops;

/// <summary>Floating tensors as arrays of double.</summary>
internal static class Numbers
{
    public static double[] Of(HostTensor tensor) => tensor.Type switch
    {
        ElementType.Float => Array.ConvertAll(tensor.AsSpan<float>().ToArray(), v => (double)v),
        ElementType.Double => tensor.AsSpan<double>().ToArray(),
        ElementType.Float16 => Array.ConvertAll(tensor.AsSpan<Half>().ToArray(), v => (double)v),
        _ => throw new NotSupportedException(tensor.Type.ToString()),
    };
}
