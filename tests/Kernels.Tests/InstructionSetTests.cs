namespace OnnxMoe.Kernels.Tests;

/// <summary>Every instruction set this processor runs, not only the best.</summary>
public sealed class InstructionSetTests
{
    [Theory]
    [InlineData("plain")]
    [InlineData("avx2")]
    [InlineData("avxvnni")]
    [InlineData("avx512")]
    [InlineData("avx512vnni")]
    [InlineData("emulated512")]
    public void Each_agrees_with_the_loop(string name)
    {
        if (!Instructions.Choose(name))
            return;
        try
        {
            foreach (var half in new[] { false, true })
                foreach (var activation in new[] { "silu", "gelu", "relu" })
                    foreach (var tokens in new[] { 1, 30 })
                    {
                        var kernel = new FfnCase { T = tokens, Activation = activation, Half = half, UpBias = true, DownBias = true };
                        var inputs = kernel.Inputs();
                        using var session = new KernelSession(OneNodeModel.Build("GroupedFfn", inputs, new HashSet<string> { "up", "down", "gate" }, ("activation", activation)));
                        Near.Assert(FfnCase.Reference(inputs, activation), session.Run(inputs).Values);
                    }
            foreach (var half in new[] { false, true })
                for (var rows = 1; rows <= 7; rows++)
                {
                    var inputs = LinearTests.Inputs(half, [rows, 21], LinearTests.Wide);
                    using var session = LinearTests.Session(inputs, LinearTests.Matrices);
                    Near.Assert(LinearTests.Reference(inputs[0].Tensor!, inputs[1].Tensor!), session.Run(inputs).Values);
                }
        }
        finally
        {
            Instructions.Choose("auto");
        }
    }

    [Fact]
    public void An_unknown_one_is_refused() => Assert.False(Instructions.Choose("avx1024"));
}
