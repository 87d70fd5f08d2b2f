using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Kernels.Tests;

public sealed class GroupedFfnTests
{
    private static readonly string[] Matrices = ["up", "down", "gate"];
    private static readonly string[] Biases = ["up_bias", "down_bias", "gate_bias"];

    public static TheoryData<string, bool, int> Variants()
    {
        var data = new TheoryData<string, bool, int>();
        foreach (var activation in new[] { "relu", "gelu", "silu", "identity" })
            foreach (var gated in new[] { false, true })
                for (var biases = 0; biases < (gated ? 8 : 4); biases++)
                    data.Add(activation, gated, biases);
        return data;
    }

    [Theory]
    [MemberData(nameof(Variants))]
    public void Every_variant_agrees_with_the_loop(string activation, bool gated, int biases) =>
        Agrees(new()
        {
            Activation = activation,
            Gated = gated,
            UpBias = (biases & 1) != 0,
            DownBias = (biases & 2) != 0,
            GateBias = (biases & 4) != 0,
        });

    [Theory]
    [InlineData(0, 2, 4)]
    [InlineData(1, 1, 1)]
    [InlineData(1, 8, 3)]
    [InlineData(7, 1, 4)]
    [InlineData(13, 3, 5)]
    [InlineData(40, 8, 6)]
    [InlineData(300, 2, 1)]
    [InlineData(65, 0, 2)]
    public void Any_number_of_tokens_picks_and_experts(int tokens, int picks, int experts) =>
        Agrees(new() { T = tokens, K = picks, E = experts, UpBias = true, DownBias = true, GateBias = true, Activation = "gelu" });

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 64)]
    [InlineData(64, 3)]
    [InlineData(65, 129)]
    [InlineData(128, 96)]
    [InlineData(31, 33)]
    public void Any_width(int width, int hiddenWidth) =>
        Agrees(new() { T = 9, D = width, F = hiddenWidth, UpBias = true, DownBias = true, GateBias = true });

    [Theory]
    [InlineData(1)]
    [InlineData(50)]
    public void Half_precision_weights(int tokens)
    {
        Agrees(new() { T = tokens, Half = true, DownBias = true });
        Agrees(new() { T = tokens, Half = true, Gated = false, UpBias = true });
    }

    [Fact]
    public void All_tokens_on_one_expert() => Agrees(new() { T = 200, K = 1 }, inputs => inputs[1].Tensor!.AsSpan<long>().Fill(2));

    [Fact]
    public void An_expert_picked_twice_by_a_token_counts_twice() => Agrees(new() { T = 6, K = 3 }, inputs => inputs[1].Tensor!.AsSpan<long>().Fill(1));

    [Fact]
    public void No_pick_at_all_gives_zero()
    {
        var (_, values) = Run(new() { None = 1, DownBias = true });
        Assert.All(values, v => Assert.Equal(0, v));
    }

    [Fact]
    public void Hidden_units_of_more_tokens_than_fit_at_a_time() => Agrees(new() { T = 700, K = 2, E = 2, D = 2, F = 12001, None = 0 });

    [Fact]
    public void Two_threads_give_the_same_bits_as_one()
    {
        var kernel = new FfnCase { T = 150, D = 130, F = 200, E = 6, DownBias = true };
        Assert.Equal(Run(kernel).Values, Run(kernel, threads: 2).Values);
    }

    [Fact]
    public void Constant_weights_and_fed_ones_give_the_same_bits()
    {
        foreach (var half in new[] { false, true })
        {
            var kernel = new FfnCase { T = 20, Half = half, UpBias = true, GateBias = true };
            Assert.Equal(Run(kernel).Values, Run(kernel, constant: false).Values);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_token_gets_the_same_bits_in_any_company(bool half)
    {
        var kernel = new FfnCase { T = 160, D = 300, F = 1100, Half = half, UpBias = true, DownBias = true };
        var inputs = kernel.Inputs();
        using var session = Session(kernel, inputs, constant: true, threads: 2);
        var (_, together) = session.Run(inputs);
        foreach (var token in new[] { 0, 1, 77, 159 })
        {
            var alone = inputs.Select(i => i.Name is "x" or "indices" or "weights" ? (i.Name, Row(i.Tensor!, token)) : i).ToArray();
            Assert.Equal(together[(token * kernel.D)..((token + 1) * kernel.D)], session.Run(alone).Values);
        }
    }

    [Theory]
    [InlineData("GroupedFfn_2")]
    [InlineData("GroupedFfn_8")]
    public void Further_names_are_the_same_kernel(string name)
    {
        var kernel = new FfnCase();
        Assert.Equal(Run(kernel).Values, Run(kernel, op: name).Values);
    }

    [Fact]
    public void The_output_has_the_shape_of_x()
    {
        var kernel = new FfnCase { Gated = false, UpBias = true };
        using var session = Session(kernel, kernel.Inputs(), constant: true, threads: 1);
        Assert.Equal(["x_0", "x_1"], session.InferredShape.Names);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(-2)]
    public void An_index_out_of_range_is_named(int index)
    {
        var error = Assert.Throws<OnnxRuntimeException>(() => Agrees(new() { None = 0 }, inputs => inputs[1].Tensor!.AsSpan<long>()[5] = index));
        Assert.Contains($"GroupedFfn 'node': indices[2,1] is {index}, but there are 4 experts: it must be -1 (none) or 0..3", error.Message);
    }

    [Fact]
    public void A_wrong_shape_is_named()
    {
        var kernel = new FfnCase();
        var inputs = kernel.Inputs();
        inputs[4].Tensor = new Some(3).Floats(1, 4, 36, 19);
        using var session = Session(kernel, inputs, constant: true, threads: 1);
        var error = Assert.Throws<OnnxRuntimeException>(() => session.Run(inputs));
        Assert.Contains("down has the shape [4,36,19], but must be [E,F,D] = [4,37,19]", error.Message);
    }

    [Fact]
    public void An_unknown_activation_is_refused_at_load()
    {
        var error = Assert.Throws<OnnxRuntimeException>(() => Agrees(new() { Activation = "tanh" }));
        Assert.Contains("activation is 'tanh', but must be relu, gelu, silu or identity", error.Message);
    }

    private static void Agrees(FfnCase kernel, Action<(string Name, HostTensor? Tensor)[]>? change = null)
    {
        var inputs = kernel.Inputs();
        change?.Invoke(inputs);
        using var session = Session(kernel, inputs, constant: true, threads: 2);
        var (shape, values) = session.Run(inputs);
        Assert.Equal([kernel.T, kernel.D], shape);
        Near.Assert(FfnCase.Reference(inputs, kernel.Activation), values);
    }

    private static (long[] Shape, float[] Values) Run(FfnCase kernel, bool constant = true, int threads = 1, string op = "GroupedFfn")
    {
        var inputs = kernel.Inputs();
        using var session = Session(kernel, inputs, constant, threads, op);
        return session.Run(inputs);
    }

    private static KernelSession Session(FfnCase kernel, (string Name, HostTensor? Tensor)[] inputs, bool constant, int threads, string op = "GroupedFfn") =>
        new(OneNodeModel.Build(op, inputs, constant ? [.. Matrices, .. Biases] : new HashSet<string>(), ("activation", kernel.Activation)), threads);

    private static HostTensor Row(HostTensor tensor, int row)
    {
        var size = tensor.Data.Length / (int)tensor.Shape[0];
        return new(tensor.Type, [1, .. tensor.Shape[1..]], tensor.Data[(row * size)..((row + 1) * size)]);
    }
}
