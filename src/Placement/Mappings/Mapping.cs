namespace OnnxMoe.Placement.Mappings;

/// <summary>A way to train the model on the GPUs: the grids, and how the pipeline runs.</summary>
/// <param name="Grid">The two grids.</param>
/// <param name="MicroBatch">Sequences that a pipeline step takes.</param>
/// <param name="VirtualStages">Pieces of consecutive layers that each stage has; more of them shorten the bubble.</param>
/// <param name="Recompute">Whether only the input of each layer is kept, and the forward pass repeated for the backward pass.</param>
public sealed record Mapping(ParallelGrid Grid, int MicroBatch = 1, int VirtualStages = 1, bool Recompute = false)
{
    /// <inheritdoc/>
    public override string ToString() =>
        $"{Grid}, micro batch {MicroBatch}{(Grid.Pp > 1 ? $", {VirtualStages} piece{(VirtualStages == 1 ? "" : "s")} a stage" : "")}{(Recompute ? ", recomputed" : "")}";
}
