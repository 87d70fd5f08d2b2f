using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Normalization over batches, channels and features.</summary>
internal static class NormalizationKernels
{
    public static void Register(KernelTable table)
    {
        table.AddMany("LayerNormalization", LayerNormalization);
        table.AddMany("BatchNormalization", BatchNormalization);
        table.Add("InstanceNormalization", InstanceNormalization);
        table.Add("MeanVarianceNormalization", MeanVarianceNormalization);
        table.Add("LpNormalization", LpNormalization);
        table.Add("LRN", LocalResponseNormalization);
    }

    private static Tensor[] LayerNormalization(OpCall call)
    {
        var (x, axis) = (call[0], call.Axis(-1));
        var epsilon = call.Attributes.Float("epsilon", 1e-5f);
        var normalized = x.shape[axis..];
        var (scale, bias) = (Expanded(call[1]), call.Optional(2) is { } b ? Expanded(b.Tensor) : null);
        var y = nn.functional.layer_norm(x, normalized, scale, bias, epsilon);
        if (call.Outputs == 1)
            return [y];
        var axes = LastAxes(x, axis);
        var mean = x.mean(axes, true);
        var variance = x.sub(mean).square().mean(axes, true);
        return [y, mean, variance.add((Scalar)(double)epsilon).rsqrt()];

        // ONNX also lets scale and bias broadcast to the normalized shape.
        Tensor Expanded(Tensor t) => t.shape.AsSpan().SequenceEqual(normalized) ? t : t.expand(normalized).contiguous();
    }

    /// <summary>Inference folds into one factor and one summand a channel. With training_mode the batch's own statistics serve.</summary>
    private static Tensor[] BatchNormalization(OpCall call)
    {
        var x = call[0];
        var epsilon = call.Attributes.Float("epsilon", 1e-5f);
        var shape = new long[Math.Max(2, x.dim())];
        Array.Fill(shape, 1);
        shape[1] = -1;
        if (!call.Attributes.Flag("training_mode"))
            return [Normalize(call[3], call[4])];
        long[] axes = [.. Enumerable.Range(0, (int)x.dim()).Where(i => i != 1).Select(i => (long)i)];
        var mean = x.mean(axes);
        var variance = x.sub(mean.reshape(shape[..(int)x.dim()])).square().mean(axes);
        var momentum = (double)call.Attributes.Float("momentum", 0.9f);
        return [Normalize(mean, variance), Running(call[3], mean), Running(call[4], variance)];

        Tensor Normalize(Tensor mean, Tensor variance)
        {
            var factor = call[1].mul(variance.add((Scalar)(double)epsilon).rsqrt());
            var summand = call[2].sub(mean.mul(factor));
            return x.mul(factor.reshape(shape)).add(summand.reshape(shape));
        }

        Tensor Running(Tensor old, Tensor current) => old.mul((Scalar)momentum).add(current, (Scalar)(1 - momentum));
    }

    private static Tensor InstanceNormalization(OpCall call)
    {
        var x = call[0];
        var channel = new long[x.dim()];
        Array.Fill(channel, 1);
        channel[1] = -1;
        var normalized = Standardize(x, LastAxes(x, 2), call.Attributes.Float("epsilon", 1e-5f));
        return normalized.mul(call[1].reshape(channel)).add(call[2].reshape(channel));
    }

    private static Tensor MeanVarianceNormalization(OpCall call)
    {
        var axes = Array.ConvertAll(call.Attributes.Ints("axes") ?? [0, 2, 3], axis => (long)call.Axis(axis, call[0].dim()));
        var centred = call[0].sub(call[0].mean(axes, true));
        // ONNX's function body adds 1e-9 to the deviation, not to the variance.
        return centred.div(centred.square().mean(axes, true).sqrt().add((Scalar)1e-9));
    }

    private static Tensor LpNormalization(OpCall call)
    {
        var (x, axis) = (call[0], call.Axis(-1));
        var norm = call.Attributes.Int("p", 2) == 1 ? x.abs().sum(axis, true) : x.square().sum(axis, true).sqrt();
        return where(norm.eq((Scalar)0.0), zeros_like(x), x.div(norm));
    }

    /// <summary>Divides by the power of a sum of squares over neighbouring channels, (size-1)/2 before (rounded down) and after (rounded up).</summary>
    private static Tensor LocalResponseNormalization(OpCall call)
    {
        var x = call[0];
        var size = call.Attributes.RequiredInt("size");
        var (alpha, beta, bias) = (call.Attributes.Float("alpha", 1e-4f), call.Attributes.Float("beta", 0.75f), call.Attributes.Float("bias", 1));
        var pads = new long[2 * (x.dim() - 1)];
        (pads[^2], pads[^1]) = ((size - 1) / 2, size / 2);
        var squares = nn.functional.pad(x.square(), pads);
        var sum = squares.narrow(1, 0, x.shape[1]);
        for (var i = 1L; i < size; i++)
            sum = sum.add(squares.narrow(1, i, x.shape[1]));
        return x.div(sum.mul((Scalar)(alpha / size)).add((Scalar)bias).pow((Scalar)beta));
    }

    private static Tensor Standardize(Tensor x, long[] axes, double epsilon)
    {
        var centred = x.sub(x.mean(axes, true));
        return centred.mul(centred.square().mean(axes, true).add((Scalar)epsilon).rsqrt());
    }

    private static long[] LastAxes(Tensor x, int from) => [.. Enumerable.Range(from, (int)x.dim() - from).Select(i => (long)i)];
}
