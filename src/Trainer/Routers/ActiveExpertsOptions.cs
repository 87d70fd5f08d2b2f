using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Routers;

/// <summary>
/// The recipe's section Model:Router:ActiveExperts: a number of active experts that grows in training and that callers choose
/// afterwards (SMoE-Dropout, Chen et al. 2023, arXiv 2303.01610). Model:ExpertsPerToken is the number at the end of training and
/// where nobody says.
/// </summary>
public sealed class ActiveExpertsOptions
{
    [Setting("Numbers of experts a token that callers may choose from, ascending, Model:ExpertsPerToken among them; each is measured after training; none: the number is fixed", Min = 1)]
    public int[] Offered { get; set; } = [];

    [Setting("How the number grows in training, from Least to Model:ExpertsPerToken, or through Stages; none: it is Model:ExpertsPerToken", Choices = "none|linear|cosine|exponential|multi-step")]
    public string Schedule { get; set; } = "none";

    [Setting("Experts a token at the start of training, where Schedule is linear, cosine or exponential", Min = 1)]
    public int Least { get; set; } = 1;

    [Setting("Experts a token in equal parts of the training, where Schedule is multi-step", Min = 1)]
    public int[] Stages { get; set; } = [];
}
