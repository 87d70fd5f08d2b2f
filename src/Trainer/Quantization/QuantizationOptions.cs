using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>The recipe's section Model:Quantization; the search writes it for a quantized subnetwork.</summary>
public sealed class QuantizationOptions
{
    [Setting("Bits of each linear layer's weights, in the order of the network: 2 to 8, its inputs then have 8; 32: neither is quantized. None: no layer is", Min = 2, Max = 32)]
    public int[] Bits { get; set; } = [];

    [Setting("Range of each such layer's weights: as far below 0 as above, or as it is", Choices = "symmetric|asymmetric")]
    public string[] Schemes { get; set; } = [];
}
