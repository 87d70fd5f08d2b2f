using OnnxMoe.Artifacts;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Helpers for tensors [N, C, spatial...].</summary>
internal static class Spatial
{
    /// <summary>Pads (or, where negative, cuts) the spatial dimensions.</summary>
    public static Tensor Pad(Tensor x, long[] begin, long[] end, double value)
    {
        if (begin.All(p => p == 0) && end.All(p => p == 0))
            return x;
        var pads = new long[2 * begin.Length];
        for (var i = 0; i < begin.Length; i++)
            (pads[2 * i], pads[2 * i + 1]) = (begin[^(i + 1)], end[^(i + 1)]); // torch counts from the last dimension
        return nn.functional.pad(x, pads, PaddingModes.Constant, value);
    }

    public static long[] Axes(Tensor x) => [.. Enumerable.Range(2, (int)x.dim() - 2).Select(i => (long)i)];

    public static UserError Unsupported(OpCall call, int rank) =>
        new($"{call.Op} runs over one to three spatial dimensions, not {rank}.");
}
