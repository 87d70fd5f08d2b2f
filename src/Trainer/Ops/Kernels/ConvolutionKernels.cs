using OnnxMoe.Artifacts;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Convolution and its transpose over one to three spatial dimensions (one is run as two).</summary>
internal static class ConvolutionKernels
{
    public static void Register(KernelTable table)
    {
        table.Add("Conv", Conv);
        table.Add("ConvTranspose", ConvTranspose);
    }

    private static Tensor Conv(OpCall call)
    {
        var (x, weight) = (call[0], call[1]);
        var window = new Window(call, x.shape[2..], weight.shape[2..]).Resolve();
        var (groups, bias) = (call.Attributes.Int("group", 1), call.Optional(2)?.Tensor);
        var pads = window.Begin;
        if (!window.Begin.AsSpan().SequenceEqual(window.End))
            (x, pads) = (Spatial.Pad(x, window.Begin, window.End, 0), new long[pads.Length]);
        return window.Input.Length switch
        {
            1 => nn.functional.conv2d(x.unsqueeze(2), weight.unsqueeze(2), bias, [1, window.Strides[0]], [0, pads[0]], [1, window.Dilations[0]], groups).squeeze(2),
            2 => nn.functional.conv2d(x, weight, bias, window.Strides, pads, window.Dilations, groups),
            3 => nn.functional.conv3d(x, weight, bias, window.Strides, pads, window.Dilations, groups),
            var rank => throw Spatial.Unsupported(call, rank),
        };
    }

    /// <summary>Computed without padding, then cut (or widened by zeros) to the size that pads, output_padding and output_shape ask for.</summary>
    private static Tensor ConvTranspose(OpCall call)
    {
        var (x, weight) = (call[0], call[1]);
        var window = new Window(call, x.shape[2..], weight.shape[2..]);
        var rank = window.Input.Length;
        var groups = call.Attributes.Int("group", 1);
        var full = rank switch
        {
            1 => nn.functional.conv_transpose2d(x.unsqueeze(2), weight.unsqueeze(2), null, [1, window.Strides[0]], [0, 0], [0, 0], [1, window.Dilations[0]], groups).squeeze(2),
            2 => nn.functional.conv_transpose2d(x, weight, null, window.Strides, [0, 0], [0, 0], window.Dilations, groups),
            3 => nn.functional.conv_transpose3d(x, weight, null, window.Strides, [0, 0, 0], [0, 0, 0], window.Dilations, groups),
            _ => throw Spatial.Unsupported(call, rank),
        };
        var extra = call.Attributes.Ints("output_padding") ?? new long[rank];
        var wanted = call.Attributes.Ints("output_shape");
        var (begin, end) = (new long[rank], new long[rank]);
        for (var i = 0; i < rank; i++)
        {
            var size = full.shape[i + 2];
            if (wanted is not null || window.AutoPad.StartsWith("SAME", StringComparison.Ordinal))
            {
                var target = wanted is null ? window.Input[i] * window.Strides[i] : wanted[wanted.Length - rank + i];
                (window.Begin[i], window.End[i]) = window.Halves(size + extra[i] - target);
            }
            (begin[i], end[i]) = (-window.Begin[i], extra[i] - window.End[i]);
        }
        var result = Spatial.Pad(full, begin, end, 0);
        return call.Optional(2) is { } bias ? result.add(bias.Tensor.reshape([-1, .. Enumerable.Repeat(1L, rank)])) : result;
    }
}
