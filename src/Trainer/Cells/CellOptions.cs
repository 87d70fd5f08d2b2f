using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Cells;

/// <summary>The recipe's section Model:Cells: a network of equal cells (Model:Backbone=cells).</summary>
public sealed class CellOptions
{
    [Setting("Channels of the first stage; each further stage has twice as many", Min = 1)]
    public int Channels { get; set; } = 8;

    [Setting("Stages; each after the first halves the image", Min = 1)]
    public int Stages { get; set; } = 2;

    [Setting("Cells of a stage", Min = 1)]
    public int CellsPerStage { get; set; } = 1;

    [Setting("Nodes of a cell: its input, inner ones, and its output", Min = 2)]
    public int Nodes { get; set; } = 4;

    [Setting("The operation of each edge, by the node where it ends, then by the node where it begins: none, skip, avgpool, conv1x1 or conv3x3; a search space chooses them otherwise")]
    public string[] Genotype { get; set; } = ["conv3x3", "skip", "conv3x3", "skip", "conv1x1", "conv3x3"];

    /// <summary>Edges of a cell: from every node to every later one.</summary>
    public int Edges => Nodes * (Nodes - 1) / 2;
}
