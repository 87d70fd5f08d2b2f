namespace OnnxMoe.Placement.Simulation;

/// <summary>The best division of the blocks at one number of tokens.</summary>
/// <param name="Tokens">M, tokens over all GPUs.</param>
/// <param name="DispatchBlocks">n_c of the first half.</param>
/// <param name="CombineBlocks">n_c of the second half.</param>
/// <param name="ColumnBlock">T_N.</param>
/// <param name="Seconds">What the layer took with it.</param>
public sealed record ProfileEntry(int Tokens, int DispatchBlocks, int CombineBlocks, int ColumnBlock, double Seconds)
{
    /// <summary>As a division.</summary>
    public BlockSplit Split => new(DispatchBlocks, CombineBlocks, ColumnBlock);
}
