namespace OnnxMoe.Trainer.Ops;

/// <summary>Between numbers and codes.</summary>
public static class QuantizationOps
{
    /// <summary>Codes clip(round(x / scale) + zero), of the type of <paramref name="zero"/> (int8 or uint8).</summary>
    /// <param name="x">Numbers.</param>
    /// <param name="scale">One, or [D] for the D parts along <paramref name="axis"/>.</param>
    /// <param name="zero">The code of 0, in the same shape.</param>
    /// <param name="axis">What the scales belong to.</param>
    public static Value QuantizeLinear(this Value x, Value scale, Value zero, long axis = 1) =>
        x.Ops.Apply("QuantizeLinear", [x, scale, zero], new() { ["axis"] = axis })[0];

    /// <summary>Numbers (codes - zero) * scale.</summary>
    /// <param name="codes">uint8, int8 or int32.</param>
    /// <param name="scale">As in <see cref="QuantizeLinear"/>.</param>
    /// <param name="zero">As there; null: 0, the only one that int32 has.</param>
    /// <param name="axis">As there.</param>
    public static Value DequantizeLinear(this Value codes, Value scale, Value? zero, long axis = 1) =>
        codes.Ops.Apply("DequantizeLinear", zero is null ? [codes, scale] : [codes, scale, zero], new() { ["axis"] = axis })[0];

    /// <summary>Unsigned numbers times or divided by 2^<paramref name="by"/>; what falls out of the type is lost.</summary>
    public static Value BitShift(this Value x, Value by, bool left) =>
        x.Ops.Apply("BitShift", [x, by], new() { ["direction"] = left ? "LEFT" : "RIGHT" })[0];

    /// <summary>
    /// Rounds to the numbers that codes 0 to <paramref name="last"/> stand for. In training the gradient passes as if nothing had been rounded, and is 0 where x was
    /// clipped (straight-through estimator; Bengio et al. 2013, arXiv 1308.3432).
    /// </summary>
    /// <param name="x">Numbers.</param>
    /// <param name="scale">One, or one for each element of the last dimension.</param>
    /// <param name="zero">The code of 0, uint8, in the same shape.</param>
    /// <param name="last">The largest code.</param>
    public static Value FakeQuantize(this Value x, Value scale, Value zero, int last = 255)
    {
        if (!x.Ops.IsTraining && last == 255)
            return x.QuantizeLinear(scale, zero, -1).DequantizeLinear(scale, zero, -1);
        var middle = zero.Cast(x.Type);
        var clipped = x.Max((0.0 - middle) * scale).Min(((double)last - middle) * scale);
        var rounded = clipped.QuantizeLinear(scale, zero, -1).DequantizeLinear(scale, zero, -1);
        return x.Ops.IsTraining ? clipped + (rounded - clipped).Detach() : rounded;
    }
}
