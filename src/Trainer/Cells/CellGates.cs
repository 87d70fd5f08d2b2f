using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Cells;

/// <summary>Decides which candidates the edges of all cells run, and how much each counts: the router of a cell, which does not look at the input.</summary>
public abstract class CellGates
{
    /// <summary>For each edge what it runs in a pass.</summary>
    public abstract IReadOnlyList<IReadOnlyList<GatedOp>> Open(OpSet ops);
}
