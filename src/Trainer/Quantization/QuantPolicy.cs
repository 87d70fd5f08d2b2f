using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>The precision of each linear layer of a network, in its order.</summary>
public sealed record QuantPolicy(IReadOnlyList<LinearPrecision> Layers)
{
    public bool IsQuantized => Layers.Any(layer => layer.IsQuantized);

    /// <summary>That of a recipe for a network of so many linear layers.</summary>
    /// <exception cref="UserError">The settings are of another number of layers, or a number of bits is none.</exception>
    public static QuantPolicy Of(QuantizationOptions options, int linears)
    {
        var (bits, schemes) = (options.Bits, options.Schemes);
        if (bits.Length == 0)
            return new([.. Enumerable.Repeat(LinearPrecision.Full, linears)]);
        if (bits.Length != linears || schemes.Length != linears)
            throw new UserError($"Model:Quantization has {bits.Length} Bits and {schemes.Length} Schemes, but the model has {linears} linear layers; there must be one of each for a layer.");
        if (bits.FirstOrDefault(b => !LinearPrecision.IsKnown(b)) is > 0 and var wrong)
            throw new UserError($"Model:Quantization:Bits has {wrong}; a layer may have 2 to 8 bits, or 32.");
        return new([.. bits.Zip(schemes, (b, scheme) => b == LinearPrecision.Full.Bits ? LinearPrecision.Full : new LinearPrecision(b, scheme == "symmetric"))]);
    }

    /// <summary>As a recipe's section; empty where nothing is quantized.</summary>
    public QuantizationOptions ToOptions() => IsQuantized ? new() { Bits = [.. Layers.Select(layer => layer.Bits)], Schemes = [.. Layers.Select(layer => layer.Scheme)] } : new();
}
