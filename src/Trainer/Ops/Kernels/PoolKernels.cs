using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Pooling over one to three spatial dimensions (one is run as two).</summary>
internal static class PoolKernels
{
    public static void Register(KernelTable table)
    {
        table.AddTyped("MaxPool", MaxPool);
        table.Add("AveragePool", AveragePool);
        table.Add("GlobalAveragePool", c => c[0].mean(Spatial.Axes(c[0]), true));
        table.Add("GlobalMaxPool", c => c[0].amax(Spatial.Axes(c[0]), true));
    }

    private static Value[] MaxPool(OpCall call)
    {
        var x = call.Value(0);
        // torch's pooling knows only float and double; every integer that ONNX allows here fits.
        var input = x.Type is ElementType.Float or ElementType.Double ? x.Tensor : x.Tensor.to_type(ScalarType.Float32);
        var window = Of(call, input);
        var padded = Spatial.Pad(input, window.Begin, Ends(window), double.NegativeInfinity);
        if (call.Outputs == 1)
            return [Typed(Max(call, padded, window))];
        var (values, indices) = MaxWithIndices(call, padded, window);
        return [Typed(values), call.Result(InputPositions(call, indices, padded.shape[2..], window))];

        TorchValue Typed(Tensor result) => new(call.Ops, result.dtype == x.Tensor.dtype ? result : result.to_type(x.Tensor.dtype), x.Type);
    }

    private static Tensor Max(OpCall call, Tensor x, Window w) => w.Input.Length switch
    {
        1 => nn.functional.max_pool2d(x.unsqueeze(2), [1, w.Kernel[0]], [1, w.Strides[0]], [0, 0], [1, w.Dilations[0]]).squeeze(2),
        2 => nn.functional.max_pool2d(x, w.Kernel, w.Strides, [0, 0], w.Dilations),
        3 => nn.functional.max_pool3d(x, w.Kernel, w.Strides, [0, 0, 0], w.Dilations),
        var rank => throw Spatial.Unsupported(call, rank),
    };

    private static (Tensor Values, Tensor Indices) MaxWithIndices(OpCall call, Tensor x, Window w)
    {
        switch (w.Input.Length)
        {
            case 1:
                var (values, indices) = nn.functional.max_pool2d_with_indices(x.unsqueeze(2), [1, w.Kernel[0]], [1, w.Strides[0]], [0, 0], [1, w.Dilations[0]]);
                return (values.squeeze(2), indices.squeeze(2));
            case 2:
                return nn.functional.max_pool2d_with_indices(x, w.Kernel, w.Strides, [0, 0], w.Dilations);
            case 3:
                return nn.functional.max_pool3d_with_indices(x, w.Kernel, w.Strides, [0, 0, 0], w.Dilations);
            default:
                throw Spatial.Unsupported(call, w.Input.Length);
        }
    }

    /// <summary>Positions in the padded map of one channel as ONNX's: in the whole unpadded tensor, row- or column-major.</summary>
    private static Tensor InputPositions(OpCall call, Tensor indices, long[] padded, Window window)
    {
        var rank = padded.Length;
        var columnMajor = call.Attributes.Flag("storage_order");
        var area = window.Input.Aggregate(1L, (a, b) => a * b);
        var (batch, channels) = (indices.shape[0], indices.shape[1]);
        var result = arange(0, batch * channels, dtype: ScalarType.Int64).mul((Scalar)area)
            .reshape([batch, channels, .. Enumerable.Repeat(1L, rank)]);
        var rest = indices;
        var stride = columnMajor ? area : 1L;
        for (var i = rank - 1; i >= 0; i--)
        {
            var position = rest.remainder((Scalar)padded[i]).sub((Scalar)window.Begin[i]);
            if (columnMajor)
                stride /= window.Input[i];
            result = result.add(position.mul((Scalar)stride));
            if (!columnMajor)
                stride *= window.Input[i];
            rest = rest.div((Scalar)padded[i], RoundingMode.floor);
        }
        return result;
    }

    /// <summary>The sum of each window over the number of its elements that count: always those of the input, with count_include_pad also the padding's.</summary>
    private static Tensor AveragePool(OpCall call)
    {
        var x = call[0];
        var window = Of(call, x);
        if (window.Dilations.Any(d => d != 1))
            throw new UserError("AveragePool with dilations is not supported by the torch engine.");
        var averages = Average(call, Spatial.Pad(x, window.Begin, Ends(window), 0), window);
        var shape = new long[x.dim()];
        (shape[0], shape[1]) = (1, 1);
        window.Input.CopyTo(shape, 2);
        var counted = ones(shape, x.dtype, x.device);
        if (call.Attributes.Flag("count_include_pad"))
            counted = Spatial.Pad(counted, window.Begin, window.End, 1);
        else
            counted = Spatial.Pad(counted, window.Begin, window.End, 0);
        var surplus = window.Input.Select((_, i) => window.Surplus(i)).ToArray();
        return averages.div(Average(call, Spatial.Pad(counted, new long[surplus.Length], surplus, 0), window));
    }

    private static Tensor Average(OpCall call, Tensor x, Window w) => w.Input.Length switch
    {
        1 => nn.functional.avg_pool2d(x.unsqueeze(2), [1, w.Kernel[0]], [1, w.Strides[0]], [0, 0]).squeeze(2),
        2 => nn.functional.avg_pool2d(x, w.Kernel, w.Strides, [0, 0]),
        3 => nn.functional.avg_pool3d(x, w.Kernel, w.Strides, [0, 0, 0]),
        var rank => throw Spatial.Unsupported(call, rank),
    };

    private static Window Of(OpCall call, Tensor x) =>
        new Window(call, x.shape[2..], call.Attributes.Ints("kernel_shape") ?? throw new UserError($"{call.Op} needs kernel_shape.")).Resolve();

    /// <summary>The padding behind each dimension with which the windows fit exactly, also with ceil_mode.</summary>
    private static long[] Ends(Window window) => [.. window.End.Select((end, i) => end + window.Surplus(i))];
}
