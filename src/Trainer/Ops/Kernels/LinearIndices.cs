using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>The index tuples of GatherND and ScatterND as positions in the row-major order of the dimensions they address.</summary>
internal static class LinearIndices
{
    /// <param name="shape">The addressed tensor's shape; tuples address its first dimensions.</param>
    /// <param name="tuples">[..., depth], each entry negative or not</param>
    /// <returns>[...] int64</returns>
    public static Tensor Of(long[] shape, Tensor tuples)
    {
        var depth = (int)tuples.shape[^1];
        var sizes = shape[..depth];
        var strides = new long[depth];
        for (long i = depth - 1, stride = 1; i >= 0; stride *= sizes[i--])
            strides[i] = stride;
        var index = tuples.to_type(ScalarType.Int64);
        var positive = where(index.lt((Scalar)0L), index.add(tensor(sizes, device: tuples.device)), index);
        return positive.mul(tensor(strides, device: tuples.device)).sum(-1);
    }
}
