using System.Text.Json.Serialization;
using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>The recipe's section Supernet:Split: a supernet that becomes several in the course of training, each for a part of the space.</summary>
public sealed class SplitOptions
{
    [Setting("Steps at which every sub-supernet is split on one edge, ascending; none: it stays one supernet (few-shot search; Model:Backbone=cells)", Unit = "steps", Min = 1)]
    public int[] At { get; set; } = [];

    [Setting("Groups of operations that an edge is split into", Min = 2, Max = 3)]
    public int Groups { get; set; } = 2;

    [Setting("How: operations stay together whose gradients on the shared weights agree (gradient; GM-NAS), at random, or each by itself on an edge at random, whatever Groups (exhaustive; few-shot NAS)", Choices = "gradient|random|exhaustive")]
    public string By { get; set; } = "gradient";

    [Setting("Which edge: the one of the largest distance across its groups, as the paper has it, or of the smallest within them, as the published code has it for other spaces", Choices = "across|within")]
    public string Edge { get; set; } = "across";

    [Setting("Batches, each with an architecture of its own, over which gradients are compared", Min = 1)]
    public int Repeats { get; set; } = 100;

    [Setting("Sub-supernets that begin with new weights when they are split off: none, those of the last split (final), or all; the others go on with weights and optimizer", Choices = "none|final|all")]
    public string Restart { get; set; } = "none";

    /// <summary>True where the supernet is split at all.</summary>
    [JsonIgnore]
    public bool IsOn => At.Length > 0;

    /// <summary>Children of a split.</summary>
    /// <param name="choices">Operations of an edge.</param>
    public int ChildrenOf(int choices) => By == "exhaustive" ? choices : Groups;
}
