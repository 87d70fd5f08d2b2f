using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>The recipe's section Model:Quantization; the search writes <see cref="Bits"/> and <see cref="Schemes"/> for a quantized subnetwork.</summary>
public sealed class QuantizationOptions
{
    [Setting("Perceptron: bits of each linear layer's weights, in the order of the network, 2 to 8, its inputs then have 8; 32: neither is quantized. Language model: bits of each block's matrices, 2 to 8. None: nothing is quantized", Min = 2, Max = 32)]
    public int[] Bits { get; set; } = [];

    [Setting("Perceptron: range of each such layer's weights: as far below 0 as above, or as it is", Choices = "symmetric|asymmetric")]
    public string[] Schemes { get; set; } = [];

    [Setting("Language model: inputs of a matrix that share a scale and a zero point; divides them", Min = 1)]
    public int Group { get; set; } = 32;

    [Setting("How the matrices of a supernet are quantized: by GPTQ, or each number to the nearest code", Choices = "gptq|rtn")]
    public string Method { get; set; } = "gptq";

    [Setting("Sequences of training text by which GPTQ knows the inputs of matrices", Min = 1)]
    public int Samples { get; set; } = 128;

    /// <summary>The section Model:Quantization:Adapter.</summary>
    public AdapterOptions Adapter { get; set; } = new();
}
