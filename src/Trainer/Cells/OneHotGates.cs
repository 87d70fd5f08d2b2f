using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Cells;

/// <summary>One candidate an edge: those of an architecture.</summary>
public sealed class OneHotGates(IReadOnlyList<int> choices) : CellGates
{
    public OneHotGates(Architecture architecture) : this(architecture.Genes.ToArray())
    {
    }

    public override IReadOnlyList<IReadOnlyList<GatedOp>> Open(OpSet ops) => [.. choices.Select(op => (GatedOp[])[new(op)])];
}
