using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Tests.Ops;

/// <summary>One operator on given inputs.</summary>
internal sealed record OpCase(string Op, HostTensor?[] Inputs)
{
    public Attributes Attributes { get; init; } = [];

    public int Outputs { get; init; } = 1;

    /// <summary>False where the inputs have ties, so that the gradient is not the limit of finite differences.</summary>
    public bool Smooth { get; init; } = true;

    /// <summary>Allowed difference, absolute and relative.</summary>
    public double Tolerance { get; init; } = 2e-5;

    public override string ToString() =>
        $"{Op}({string.Join(", ", Inputs.Select(i => i?.ToString() ?? "-"))}) {string.Join(" ", Attributes.Select(a => $"{a.Key}={(a.Value is long[] list ? $"[{string.Join(",", list)}]" : a.Value)}"))}";
}
