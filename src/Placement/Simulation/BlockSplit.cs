using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Placement.Simulation;

/// <summary>Comet's division of a GPU's blocks, and its column block.</summary>
/// <param name="DispatchBlocks">n_c of the first half: blocks that fetch rows while the others compute the first product.</param>
/// <param name="CombineBlocks">n_c of the second half: blocks that sum up and send while the others compute the second product.</param>
/// <param name="ColumnBlock">T_N, columns of the second product that are computed for all experts before the next ones.</param>
public sealed record BlockSplit(int DispatchBlocks, int CombineBlocks, int ColumnBlock)
{
    /// <summary>Whether the last column block may be narrower than the others.</summary>
    public bool Ragged { get; init; }

    /// <summary>Column blocks of a token's row.</summary>
    public int Blocks(int hidden) => (hidden + ColumnBlock - 1) / ColumnBlock;

    /// <summary>This split, or an error.</summary>
    /// <exception cref="UserError">No block is left to compute or to communicate, or the column block does not divide the row.</exception>
    public BlockSplit Checked(Device device, int hidden)
    {
        foreach (var blocks in new[] { DispatchBlocks, CombineBlocks })
        {
            if (blocks < 1 || blocks >= device.Blocks)
                throw new UserError($"{blocks} of {device.Blocks} blocks cannot communicate: 1 to {device.Blocks - 1} are right, so that some compute.");
        }
        if (ColumnBlock < 1 || ColumnBlock > hidden || (hidden % ColumnBlock != 0 && !Ragged))
            throw new UserError($"A column block of {ColumnBlock} does not divide the {hidden} columns of a token; take a divisor, or allow a narrower last block (ragged).");
        return this;
    }
}
