using OnnxMoe.Artifacts.Configuration;
using OnnxMoe.Trainer.Darts;
using OnnxMoe.Trainer.Supernets.Copies;
using OnnxMoe.Trainer.Tickets;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>The recipe's section Supernet: a model that is trained to be many.</summary>
public sealed class SupernetOptions
{
    /// <summary>The word of <see cref="Paths"/> for the largest, the smallest and random architectures.</summary>
    public const string Sandwich = "sandwich";

    /// <summary>The word of <see cref="Paths"/> and <see cref="Data"/> for draws by norms of gradients.</summary>
    public const string GradientNorm = "gradient-norm";

    /// <summary>The word of <see cref="Reweight"/> for losses whose mean gradient is that of uniform draws.</summary>
    public const string Unbiased = "unbiased";

    [Setting("The search space, a JSON file; a name without a folder is one of Models/spaces; none: an ordinary model")]
    public string Space { get; set; } = "";

    [Setting("Architectures of a training step: the largest, the smallest and some at random (sandwich; Yu and Huang 2019), some at random (uniform), as many as genes have choices, each choice once (fair; FairNAS), one whose genes have a mean that falls and rises (balanced; Yi et al. 2024), or one whose operations are drawn by the norms of their gradients (gradient-norm; PA&DA, Model:Backbone=cells)",
        Choices = "sandwich|uniform|fair|balanced|gradient-norm")]
    public string Paths { get; set; } = Sandwich;

    [Setting("How many architectures at random", Min = 1)]
    public int RandomPaths { get; set; } = 1;

    [Setting("Balanced paths: steps in which the mean falls from the largest to the smallest and rises again", Unit = "steps", Min = 2)]
    public int Period { get; set; } = 400;

    [Setting("Which blocks of a transformer a smaller depth keeps: the first, or evenly spread ones (AutoDistil)", Choices = "first|spread")]
    public string Depth { get; set; } = "first";

    [Setting("What an edge of a cell runs in training: one operation, by Paths (onehot), or all, weighted by architecture weights that are trained, too (soft; DARTS)", Choices = "onehot|soft")]
    public string Gates { get; set; } = "onehot";

    [Setting("Training examples of a step: at random, or each epoch's drawn by the norms of their gradients in the one before (PA&DA)", Choices = "uniform|gradient-norm")]
    public string Data { get; set; } = "uniform";

    [Setting("What makes up for uneven draws: nothing, as published, or weights of the losses that keep the mean gradient", Choices = "none|unbiased")]
    public string Reweight { get; set; } = "none";

    [Setting("The largest share of the norms in the probabilities of gradient-norm draws, which grows from epoch to epoch; the rest is uniform", Min = 0, Max = 1)]
    public double TauMax { get; set; } = 1;

    /// <summary>The section Supernet:Copies.</summary>
    public CopiesOptions Copies { get; set; } = new();

    /// <summary>The section Supernet:Split.</summary>
    public SplitOptions Split { get; set; } = new();

    /// <summary>The section Supernet:Mixture.</summary>
    public MixtureOptions Mixture { get; set; } = new();

    /// <summary>The section Supernet:Distill.</summary>
    public DistillOptions Distill { get; set; } = new();

    /// <summary>The section Supernet:Darts.</summary>
    public DartsOptions Darts { get; set; } = new();

    /// <summary>The section Supernet:Tickets.</summary>
    public TicketOptions Tickets { get; set; } = new();

    /// <summary>True where edges run all operations.</summary>
    public bool IsSoft() => Space.Length > 0 && Gates == "soft";

    /// <summary>Where the search space is; null for an ordinary model.</summary>
    /// <param name="models">The folder that holds the models.</param>
    public string? SpaceFile(string models) => Space.Length == 0 ? null
        : Space.Contains('/') || Space.EndsWith(".json", StringComparison.Ordinal) ? Space
        : Path.Combine(models, "spaces", Space + ".json");
}
