using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Kernels.Tests;

/// <summary>The ops whose matrices are 8 or 4 bit codes.</summary>
public sealed class QuantizedTests
{
    private static readonly HashSet<string> Matrices =
        ["up", "up_scales", "down", "down_scales", "gate", "gate_scales", "matrix", "matrix_scales", .. Enumerable.Range(1, 8).SelectMany(i => new[] { $"matrix_{i}", $"scales_{i}" })];

    private static readonly HashSet<string> Nothing = [];

    /// <summary>Rows, depth, width.</summary>
    private static readonly (int, int, int)[] Sizes = [(0, 32, 5), (1, 1, 1), (1, 33, 33), (3, 31, 1), (2, 64, 16), (5, 65, 40), (9, 100, 130), (70, 96, 64),
        (1, 70, LinearTests.Wide), (2, 70, LinearTests.Wide), (3, 70, LinearTests.Wide)];

    [Theory]
    [CombinedFlags]
    public void A_product_has_the_bits_of_the_plain_loop(bool eight, bool constant, bool two)
    {
        if (!System.Runtime.Intrinsics.X86.Fma.IsSupported)
            return;
        foreach (var (rows, depth, width) in Sizes)
        {
            var (inputs, codes) = Linear(eight ? 8 : 4, rows, depth, width);
            using var session = new KernelSession(OneNodeModel.Build("QuantizedLinear", inputs, constant ? Matrices : Nothing), two ? 2 : 1);
            var (shape, values) = session.Run(inputs);
            Assert.Equal([rows, width], shape);
            Assert.Equal(Loop(inputs[0].Tensor!, codes), values);
        }
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("avx2")]
    [InlineData("avxvnni")]
    [InlineData("avx512")]
    [InlineData("avx512vnni")]
    [InlineData("emulated512")]
    public void Every_instruction_set_agrees_with_the_loop(string name)
    {
        if (!Instructions.Choose(name))
            return;
        try
        {
            foreach (var bits in new[] { 8, 4 })
            {
                foreach (var (rows, depth, width) in Sizes)
                {
                    var (inputs, codes) = Linear(bits, rows, depth, width);
                    using var session = new KernelSession(OneNodeModel.Build("QuantizedLinear", inputs, Matrices));
                    Near.Assert(Array.ConvertAll(Loop(inputs[0].Tensor!, codes), v => (double)v), session.Run(inputs).Values);
                }
                AgreesWithFloats(bits, new FfnCase { T = 12, D = 70, F = 90, UpBias = true, DownBias = true });
            }
        }
        finally
        {
            Instructions.Choose("auto");
        }
    }

    [Theory]
    [InlineData(8)]
    [InlineData(4)]
    public void Codes_at_the_ends_of_their_range(int bits)
    {
        // All weights of the largest magnitude, and x as well: the sums are as large as they can be.
        var (depth, width) = (64, 20);
        foreach (var sign in new[] { 1f, -1f })
        {
            var x = HostTensor.From(Enumerable.Repeat(3f, depth).ToArray(), 1, depth);
            var codes = BlockCodes.Quantize(HostTensor.From(Enumerable.Repeat(sign, depth * width).ToArray(), depth, width), bits);
            (string, HostTensor?)[] inputs = [("x", x), ("matrix", codes.Codes), ("matrix_scales", codes.Scales)];
            using var session = new KernelSession(OneNodeModel.Build("QuantizedLinear", inputs, Matrices));
            Near.Assert(Array.ConvertAll(Loop(x, codes), v => (double)v), session.Run(inputs).Values);
        }
    }

    [Theory]
    [CombinedFlags]
    public void A_grouped_product_has_the_bits_of_the_plain_loop(bool eight, bool perPick, bool constant)
    {
        if (!System.Runtime.Intrinsics.X86.Fma.IsSupported)
            return;
        var (tokens, picks, experts, depth, width) = (11, 3, 4, 45, 37);
        var some = new Some(3);
        var codes = BlockCodes.Quantize(some.Floats(0.2, experts, depth, width), eight ? 8 : 4);
        (string Name, HostTensor? Tensor)[] inputs =
        [
            ("x", perPick ? some.Floats(2, tokens, picks, depth) : some.Floats(2, tokens, depth)), ("indices", some.Indices(experts, 0.2, tokens, picks)),
            ("matrix", codes.Codes), ("matrix_scales", codes.Scales),
        ];
        using var session = new KernelSession(OneNodeModel.Build("QuantizedGroupedLinear", inputs, constant ? Matrices : Nothing, ("per_pick", perPick ? 1 : 0)), threads: 2);
        var expected = new List<float>();
        for (var p = 0; p < tokens * picks; p++)
        {
            var expert = (int)inputs[1].Tensor!.AsSpan<long>()[p];
            expected.AddRange(expert < 0 ? new float[width] : Codes.Product(inputs[0].Tensor!.AsSpan<float>().Slice((perPick ? p : p / picks) * depth, depth), codes, expert));
        }
        Assert.Equal(expected, session.Run(inputs).Values);
    }

    public static TheoryData<int, string, bool, bool> Variants()
    {
        var data = new TheoryData<int, string, bool, bool>();
        foreach (var bits in new[] { 8, 4 })
            foreach (var activation in new[] { "relu", "gelu", "silu", "identity" })
                foreach (var gated in new[] { false, true })
                    data.Add(bits, activation, gated, activation == "gelu");
        return data;
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Every_variant_agrees_with_float_weights(int bits, string activation, bool gated, bool biased)
    {
        foreach (var (tokens, depth, width) in new[] { (0, 32, 32), (1, 19, 37), (1, 64, 96), (30, 65, 33), (200, 32, 50) })
            AgreesWithFloats(bits, new() { T = tokens, D = depth, F = width, Activation = activation, Gated = gated, UpBias = biased, DownBias = biased, GateBias = biased && gated });
    }

    [Theory]
    [CombinedFlags]
    public void A_token_gets_the_same_bits_in_any_company(bool eight, bool constant)
    {
        var kernel = new FfnCase { T = 160, D = 300, F = 1100, UpBias = true, DownBias = true };
        var inputs = Quantized(kernel.Inputs(), eight ? 8 : 4);
        using var session = Session(inputs, kernel, constant, threads: 2);
        using var one = Session(inputs, kernel, constant, threads: 1);
        var together = session.Run(inputs).Values;
        Assert.Equal(together, one.Run(inputs).Values);
        foreach (var token in new[] { 0, 1, 77, 159 })
        {
            var alone = inputs.Select(i => i.Name is "x" or "indices" or "weights" ? (i.Name, Row(i.Tensor!, token)) : i).ToArray();
            Assert.Equal(together[(token * kernel.D)..((token + 1) * kernel.D)], one.Run(alone).Values);
        }
    }

    [Theory]
    [InlineData(8)]
    [InlineData(4)]
    public void An_expert_picked_twice_and_picks_left_out(int bits)
    {
        var kernel = new FfnCase { T = 6, K = 3, D = 40, F = 40 };
        AgreesWithFloats(bits, kernel, inputs => inputs[1].Tensor!.AsSpan<long>().Fill(1));
        var inputs = Quantized(kernel.Inputs(), bits);
        inputs[1].Tensor!.AsSpan<long>().Fill(-1);
        using var session = Session(inputs, kernel, constant: true);
        Assert.All(session.Run(inputs).Values, v => Assert.Equal(0, v));
    }

    [Fact]
    public void A_value_that_is_not_finite_makes_its_row_not_a_number()
    {
        foreach (var value in new[] { float.NaN, float.PositiveInfinity })
        {
            var (inputs, _) = Linear(8, 2, 40, 5);
            inputs[0].Tensor!.AsSpan<float>()[3] = value;
            using var session = new KernelSession(OneNodeModel.Build("QuantizedLinear", inputs, Matrices));
            var values = session.Run(inputs).Values;
            Assert.All(values[..5], v => Assert.True(float.IsNaN(v)));
            Assert.All(values[5..], v => Assert.True(float.IsFinite(v)));
        }
    }

    [Fact]
    public void A_scale_that_no_half_equals_is_refused_at_load()
    {
        var (inputs, _) = Linear(8, 2, 40, 5);
        inputs[2].Tensor!.AsSpan<float>()[3] = 0.1f;
        var error = Assert.Throws<OnnxRuntimeException>(() => new KernelSession(OneNodeModel.Build("QuantizedLinear", inputs, Matrices)));
        Assert.Contains("QuantizedLinear 'node': a scale is 0.100000001, but scales must be numbers that float16 holds exactly", error.Message);
    }

    [Theory]
    [InlineData(8, "up has the shape [4,36,37], but must be [E,D,F] = [4,19,37]")]
    [InlineData(4, "up has the shape [4,18,37], but must be [E,ceil(D/2),F] = [4,10,37]")]
    public void A_wrong_shape_is_named(int bits, string message)
    {
        var kernel = new FfnCase();
        var inputs = Quantized(kernel.Inputs(), bits);
        var codes = BlockCodes.Quantize(new Some(3).Floats(1, 4, 36, 37), bits);
        (inputs[3].Tensor, inputs[4].Tensor) = (codes.Codes, codes.Scales);
        using var session = Session(inputs, kernel, constant: true);
        var error = Assert.Throws<OnnxRuntimeException>(() => session.Run(inputs));
        Assert.Contains($"QuantizedGroupedFfn 'node': {message}", error.Message);
    }

    [Fact]
    public void Wrong_scales_are_named()
    {
        var (inputs, _) = Linear(8, 2, 40, 5);
        inputs[2].Tensor = new Some(1).Floats(1, 1, 5);
        using var session = new KernelSession(OneNodeModel.Build("QuantizedLinear", inputs, Nothing));
        var error = Assert.Throws<OnnxRuntimeException>(() => session.Run(inputs));
        Assert.Contains("scales has the shape [1,5], but must be [ceil(D/32),F] = [2,5]", error.Message);
    }

    private static ((string Name, HostTensor? Tensor)[] Inputs, BlockCodes Codes) Linear(int bits, int rows, int depth, int width)
    {
        var some = new Some(depth + width);
        var codes = BlockCodes.Quantize(some.Floats(1 / Math.Sqrt(depth), depth, width), bits);
        return ([("x", some.Floats(2, rows, depth)), ("matrix", codes.Codes), ("matrix_scales", codes.Scales)], codes);
    }

    private static float[] Loop(HostTensor x, BlockCodes codes)
    {
        var depth = (int)x.Shape[^1];
        return [.. Enumerable.Range(0, (int)(x.Count / depth)).SelectMany(r => Codes.Product(x.AsSpan<float>().Slice(r * depth, depth), codes, 0))];
    }

    /// <summary>The inputs of QuantizedGroupedFfn for those of GroupedFfn.</summary>
    private static (string Name, HostTensor? Tensor)[] Quantized((string Name, HostTensor? Tensor)[] inputs, int bits)
    {
        var quantized = new List<(string Name, HostTensor? Tensor)>();
        foreach (var (name, tensor) in inputs)
        {
            if (name is not ("up" or "down" or "gate"))
            {
                quantized.Add((name, tensor));
                continue;
            }
            var codes = tensor is null ? null : BlockCodes.Quantize(tensor, bits);
            quantized.AddRange([(name, codes?.Codes), ($"{name}_scales", codes?.Scales)]);
        }
        return [.. quantized];
    }

    private static KernelSession Session((string Name, HostTensor? Tensor)[] inputs, FfnCase kernel, bool constant, int threads = 1) =>
        new(OneNodeModel.Build("QuantizedGroupedFfn", inputs, constant ? Matrices : Nothing, ("activation", kernel.Activation)), threads);

    /// <summary>The kernel rounds x and the hidden units to 8 bits: against the same weights as floats it is off by about a hundredth of the norm.</summary>
    private static void AgreesWithFloats(int bits, FfnCase kernel, Action<(string Name, HostTensor? Tensor)[]>? change = null)
    {
        var floats = kernel.Inputs();
        change?.Invoke(floats);
        var inputs = Quantized(floats, bits);
        foreach (var i in new[] { 3, 4, 5 })
            if (floats[i].Tensor is { } matrix)
                floats[i].Tensor = BlockCodes.Quantize(matrix, bits).Dequantize(matrix.Shape[^2]);
        using var session = Session(inputs, kernel, constant: true, threads: 2);
        var (shape, values) = session.Run(inputs);
        Assert.Equal([kernel.T, kernel.D], shape);
        var expected = FfnCase.Reference(floats, kernel.Activation);
        var norm = Math.Sqrt(expected.Sum(v => v * v));
        var difference = Math.Sqrt(expected.Zip(values, (a, b) => (a - b) * (a - b)).Sum());
        Assert.True(difference <= 0.015 * norm, $"The difference is {difference}, the norm {norm}.");
    }

    private static HostTensor Row(HostTensor tensor, int row)
    {
        var size = tensor.Data.Length / (int)tensor.Shape[0];
        return new(tensor.Type, [1, .. tensor.Shape[1..]], tensor.Data[(row * size)..((row + 1) * size)]);
    }
}
