using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Supernets.Copies;

/// <summary>
/// The recipe's section Supernet:Copies: several supernets that share the architectures among them (Javan et al. 2023, Balanced Mixture of SuperNets, arXiv 2306.11982).
/// </summary>
public sealed class CopiesOptions
{
    [Setting("Supernets of equal form; which of them trains which architecture is learned. 1: one supernet", Min = 1)]
    public int Count { get; set; } = 1;

    [Setting("Keep all supernets equally busy")]
    public bool Balanced { get; set; } = true;

    [Setting("Epochs, the parts of training at whose beginnings the balance is found anew", Min = 1)]
    public int Epochs { get; set; } = 40;

    [Setting("Temperature of the assignment in the first epoch; it grows linearly", Min = 0)]
    public double FirstTemperature { get; set; } = 1;

    [Setting("Temperature of the assignment in the last epoch", Min = 0)]
    public double LastTemperature { get; set; } = 100;

    [Setting("Score of an architecture in a supernet that has not trained it; 1, which no accuracy exceeds, makes all be tried")]
    public double FirstScore { get; set; } = 1;

    [Setting("Share of a new accuracy in the score", Min = 0, Max = 1)]
    public double ScoreRate { get; set; } = 0.1;
}
