using OnnxMoe.Artifacts.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Matrices stored as <see cref="BlockCodes"/>, as numbers.</summary>
internal static class BlockKernels
{
    /// <summary>Codes times scales.</summary>
    /// <param name="codes">int8 [..., D, F], or uint8 [..., ceil(D/2), F] with two codes a byte.</param>
    /// <param name="scales">[..., ceil(D/32), F]</param>
    /// <param name="depth">D.</param>
    /// <returns>[..., D, F]</returns>
    public static Tensor Numbers(Tensor codes, Tensor scales, long depth)
    {
        var axis = codes.dim() - 2;
        var rows = tensor([.. Enumerable.Range(0, (int)depth).Select(row => (long)row / BlockCodes.BlockSize)], device: codes.device);
        var numbers = codes.to_type(scales.dtype);
        if (codes.dtype == ScalarType.Byte)
        {
            var high = numbers.div((Scalar)16).floor();
            var pairs = stack([numbers.sub(high.mul((Scalar)16)), high], axis + 1); // [..., ceil(D/2), 2, F]
            numbers = pairs.reshape([.. codes.shape[..^2], -1, codes.shape[^1]]).narrow(axis, 0, depth).sub((Scalar)8);
        }
        return numbers.mul(scales.index_select(axis, rows));
    }
}
