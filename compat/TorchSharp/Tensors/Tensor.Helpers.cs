using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>What several methods share.</summary>
    public partial class Tensor
    {
        private static string? Rounding(RoundingMode mode) => mode == RoundingMode.None ? null : mode.ToString();

        private static Device? On(Device? device) => device is null ? null : InitializeDevice(device);

        private static Tensor Like(Tensor tensor, bool requires_grad) => requires_grad ? tensor.requires_grad_() : tensor;

        private static Tensor As(ScalarType? type, Tensor tensor) => type is { } t ? tensor.to_type(t) : tensor;

        private static (Tensor, Tensor) As(ScalarType? type, (Tensor, Tensor) pair) => (As(type, pair.Item1), As(type, pair.Item2));

        private static Tensor Into(Tensor? target, Tensor result) => target is null ? result : target.copy_(result);

        private static (Tensor, Tensor?, Tensor?) Unique(Tensor[] results, bool inverse, bool counts)
        {
            if (!inverse)
                results[1].Dispose();
            if (!counts)
                results[2].Dispose();
            return (results[0], inverse ? results[1] : null, counts ? results[2] : null);
        }

        private Tensor Unflatten(long dim, long[] sizes)
        {
            var all = shape;
            var axis = (int)Wrap(dim, all.Length);
            return reshape([.. all[..axis], .. sizes, .. all[(axis + 1)..]]);
        }
    }
}
