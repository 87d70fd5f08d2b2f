using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>The recipe's section Model:Quantization:Adapter: what is trained of a language model whose matrices are quantized.</summary>
public sealed class AdapterOptions
{
    [Setting("Rank of each matrix's adapter", Min = 1)]
    public int Rank { get; set; } = 4;

    [Setting("Adapters count Alpha / Rank times", Min = 0)]
    public double Alpha { get; set; } = 4;

    [Setting("What an adapter reads of each group of inputs", Choices = "mean|sum")]
    public string Pooling { get; set; } = "mean";

    [Setting("One adapter for all numbers of bits, instead of one for each")]
    public bool Shared { get; set; }
}
