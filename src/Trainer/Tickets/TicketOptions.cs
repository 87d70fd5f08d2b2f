using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Tickets;

/// <summary>
/// The recipe's section Supernet:Tickets: search for channels and pruning of weights in one training (You et al. 2022, SuperTickets, arXiv 2207.03677).
/// </summary>
public sealed class TicketOptions
{
    [Setting("Coefficient of the cost-aware L1 norm of the channels' importance; 0: no channel is searched for", Min = 0)]
    public double Importance { get; set; }

    [Setting("Share of the steps over which that coefficient grows from 0", Min = 0, Max = 1)]
    public double ImportanceWarmup { get; set; } = 0.1;

    [Setting("Share of the steps after which channels are no longer searched for", Min = 0, Max = 1)]
    public double SearchUntil { get; set; } = 1;

    [Setting("Steps between removals of dead channels", Unit = "steps", Min = 1)]
    public int ShrinkEvery { get; set; } = 100;

    [Setting("Importance, of the present weights and of their running mean, at or below which a channel is dead", Min = 0)]
    public double DeadImportance { get; set; } = 1e-3;

    [Setting("Share of the weights that are pruned in the end; 0: none", Min = 0, Max = 0.999)]
    public double Sparsity { get; set; }

    [Setting("Count weights that went with dead channels as pruned: Sparsity is then a share of the whole network's weights, and networks that lose more channels are as large in the end; otherwise it is a share of those that are left, as in the published code")]
    public bool CountLost { get; set; }

    [Setting("Steps between prunings", Unit = "steps", Min = 1)]
    public int PruneEvery { get; set; } = 100;

    [Setting("What each pruning adds to the share of pruned weights, up to Sparsity; 0: the last one prunes all at once", Min = 0, Max = 1)]
    public double PruneStep { get; set; } = 0.1;

    [Setting("Share of the steps before which nothing is pruned", Min = 0, Max = 1)]
    public double PruneFrom { get; set; }

    [Setting("Which weights are pruned: the smallest, or any", Choices = "magnitude|random")]
    public string Score { get; set; } = "magnitude";

    [Setting("Let pruned weights of a block compete again when it loses channels, as the published code does")]
    public bool Reactivate { get; set; } = true;

    [Setting("Steps after the last pruning, with channels and masks as they are", Unit = "steps", Min = 0)]
    public int RetrainSteps { get; set; }

    /// <summary>True when there is anything to do.</summary>
    public bool IsOn => Importance > 0 || Sparsity > 0;
}
