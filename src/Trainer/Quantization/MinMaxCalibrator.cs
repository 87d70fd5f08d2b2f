namespace OnnxMoe.Trainer.Quantization;

/// <summary>All that was seen.</summary>
public sealed class MinMaxCalibrator : RangeCalibrator
{
    public override (float Least, float Most) Range => (Least, Most);
}
