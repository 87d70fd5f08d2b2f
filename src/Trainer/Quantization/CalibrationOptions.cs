using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>The recipe's section Search:Calibration: how the ranges of activations are found that quantized layers read.</summary>
public sealed class CalibrationOptions
{
    [Setting("Range that an activation's codes cover: of least entropy lost (Migacz 2017), or of all that was seen", Choices = "entropy|minmax")]
    public string Method { get; set; } = "entropy";

    [Setting("Training examples that are run to see the activations", Min = 1)]
    public int Samples { get; set; } = 100;
}
