using static TorchSharp.torch;

namespace OnnxMoe.Compat.Tests.Golden;

/// <summary>A named computation whose result the golden file has, as the official TorchSharp computed it.</summary>
public sealed record Expression(string Name, Func<Tensor> Compute)
{
    public override string ToString() => Name;
}
