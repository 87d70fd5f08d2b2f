using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Tests.Ops.Cases;

/// <summary>Convolution, pooling, normalization and recurrent operators.</summary>
internal static class NeuralCases
{
    public static IEnumerable<OpCase> All(Draw draw)
    {
        for (var rank = 1; rank <= 3; rank++)
        {
            for (var i = 0; i < 4; i++)
            {
                yield return Conv(draw, rank);
                yield return ConvTranspose(draw, rank);
                yield return Pool(draw, "MaxPool", rank);
                yield return Pool(draw, "AveragePool", rank);
            }
            long[] shape = [2, 3, .. Enumerable.Repeat(4L, rank)];
            yield return new OpCase("GlobalAveragePool", [draw.Floats(shape)]);
            yield return new OpCase("GlobalMaxPool", [draw.Floats(shape)]);
            yield return new OpCase("BatchNormalization", [draw.Floats(shape), draw.Floats([3]), draw.Floats([3]), draw.Floats([3]), draw.Floats([3], 0.5, 2)]);
            yield return new OpCase("InstanceNormalization", [draw.Floats(shape), draw.Floats([3]), draw.Floats([3])]) { Attributes = new() { ["epsilon"] = 1e-3f } };
        }
        foreach (var size in new[] { 3L, 5L })
            yield return new OpCase("LRN", [draw.Floats([2, 5, 3, 3])]) { Attributes = new() { ["size"] = size, ["alpha"] = 0.1f, ["bias"] = 1.5f } };
        foreach (var axis in new[] { -1L, 1L, -3L })
        {
            var normalized = new long[] { 2, 3, 4 }[(int)(axis < 0 ? axis + 3 : axis)..];
            yield return new OpCase("LayerNormalization", [draw.Floats([2, 3, 4]), draw.Floats(normalized), draw.Floats(normalized)]) { Attributes = new() { ["axis"] = axis }, Outputs = 3 };
            yield return new OpCase("LayerNormalization", [draw.Floats([2, 3, 4]), draw.Floats(normalized)]) { Attributes = new() { ["axis"] = axis, ["epsilon"] = 1e-2f } };
        }
        yield return new OpCase("MeanVarianceNormalization", [draw.Floats([2, 3, 4, 4])]) { Tolerance = 1e-4 };
        foreach (var p in new[] { 1L, 2L })
            yield return new OpCase("LpNormalization", [draw.Floats([3, 4], 0.5, 2)]) { Attributes = new() { ["p"] = p, ["axis"] = 0L } };
        foreach (var op in new[] { "RNN", "GRU", "LSTM" })
        {
            foreach (var direction in new[] { "forward", "reverse", "bidirectional" })
            {
                yield return Recurrent(draw, op, direction, whole: false);
                yield return Recurrent(draw, op, direction, whole: true);
            }
        }
    }

    private static OpCase Conv(Draw draw, int rank)
    {
        var groups = draw.Of(1L, 2L);
        long[] kernel = Each(rank, () => draw.Between(1, 3));
        var attributes = new Attributes { ["group"] = groups, ["dilations"] = Each(rank, () => draw.Between(1, 2)), ["strides"] = Each(rank, () => draw.Between(1, 2)) };
        Padding(draw, attributes, kernel);
        var x = draw.Floats([draw.Between(1, 2), 2 * groups, .. Each(rank, () => draw.Between(5, 7))]);
        var weight = draw.Floats([2 * groups, 2, .. kernel]);
        return new OpCase("Conv", draw.Flip() ? [x, weight] : [x, weight, draw.Floats([2 * groups])]) { Attributes = attributes, Tolerance = 1e-4 };
    }

    private static OpCase ConvTranspose(Draw draw, int rank)
    {
        var groups = draw.Of(1L, 2L);
        long[] kernel = Each(rank, () => draw.Between(2, 3));
        long[] strides = Each(rank, () => draw.Between(1, 2));
        var attributes = new Attributes { ["group"] = groups, ["strides"] = strides, ["dilations"] = Each(rank, () => draw.Between(1, 2)) };
        attributes["pads"] = Each(2 * rank, () => draw.Between(0, 1));
        if (draw.Flip())
            attributes["output_padding"] = strides.Select(s => s - 1).ToArray();
        var x = draw.Floats([2, 2 * groups, .. Each(rank, () => draw.Between(3, 4))]);
        var weight = draw.Floats([2 * groups, 3, .. kernel]);
        return new OpCase("ConvTranspose", draw.Flip() ? [x, weight] : [x, weight, draw.Floats([3 * groups])]) { Attributes = attributes, Tolerance = 1e-4 };
    }

    private static OpCase Pool(Draw draw, string op, int rank)
    {
        long[] kernel = Each(rank, () => draw.Between(2, 3));
        var attributes = new Attributes { ["kernel_shape"] = kernel, ["strides"] = Each(rank, () => draw.Between(1, 2)) };
        if (op == "MaxPool" && draw.Flip())
            attributes["dilations"] = Each(rank, () => draw.Between(1, 2));
        if (op == "AveragePool")
            attributes["count_include_pad"] = draw.Of(0L, 1L);
        Padding(draw, attributes, kernel);
        var outputs = op == "MaxPool" && draw.Flip() ? 2 : 1;
        if (outputs == 2)
            attributes["storage_order"] = draw.Of(0L, rank == 2 ? 1L : 0L);
        return new OpCase(op, [draw.Floats([2, 3, .. Each(rank, () => draw.Between(5, 7))])]) { Attributes = attributes, Outputs = outputs };
    }

    private static void Padding(Draw draw, Attributes attributes, long[] kernel)
    {
        switch (draw.Below(4))
        {
            case 0 when !attributes.TryGetValue("dilations", out var dilations) || ((long[])dilations).All(d => d == 1):
                attributes["auto_pad"] = draw.Of("SAME_UPPER", "SAME_LOWER", "VALID");
                break;
            case 1:
                break;
            default:
                attributes["pads"] = (long[])[.. kernel.Select(k => draw.Between(0, k - 1)), .. kernel.Select(k => draw.Between(0, k - 1))];
                break;
        }
    }

    /// <param name="whole">With biases, initial states, sequence lengths and the less usual attributes.</param>
    private static OpCase Recurrent(Draw draw, string op, string direction, bool whole)
    {
        var (gates, d, steps, batch, inputs, hidden) = (op switch { "RNN" => 1L, "GRU" => 3L, _ => 4L }, direction == "bidirectional" ? 2L : 1L, 4L, 2L, 3L, 2L);
        List<HostTensor?> all = [draw.Floats([steps, batch, inputs]), draw.Floats([d, gates * hidden, inputs]), draw.Floats([d, gates * hidden, hidden])];
        var attributes = new Attributes { ["hidden_size"] = hidden, ["direction"] = direction };
        if (whole)
        {
            all.AddRange([draw.Floats([d, 2 * gates * hidden]), HostTensor.Vector(4, 2), draw.Floats([d, batch, hidden])]);
            if (op == "LSTM")
                all.AddRange([draw.Floats([d, batch, hidden]), draw.Floats([d, 3 * hidden])]);
            if (op == "GRU")
                attributes["linear_before_reset"] = 1L;
        }
        return new OpCase(op, [.. all]) { Attributes = attributes, Outputs = op == "LSTM" ? 3 : 2, Tolerance = 1e-4 };
    }

    private static long[] Each(int count, Func<long> value) => [.. Enumerable.Range(0, count).Select(_ => value())];
}
