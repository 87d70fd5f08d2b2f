using OnnxMoe.Artifacts;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>
/// The exact decomposition of a dense transformer block into experts whose sum it is, by the partition of tensor parallelism (UoE; Yang
/// et al. 2025, arXiv 2503.02495), and back. Only elements move, so that the way back gives the same bits.
/// </summary>
public static class UnionDecompose
{
    /// <summary>Columns of [D, F] as [N, D, F / N], of the matrices up and gate; parts of [F] as [N, F / N], of their biases.</summary>
    /// <exception cref="UserError">N does not divide F.</exception>
    public static Tensor Columns(Tensor dense, int experts)
    {
        var width = dense.shape[^1];
        Require(width, experts);
        return dense.dim() == 1 ? dense.reshape(experts, width / experts).clone()
            : dense.reshape(dense.shape[0], experts, width / experts).permute(1, 0, 2).contiguous();
    }

    /// <summary>Rows of [F, D] as [N, F / N, D]: of the matrix down.</summary>
    /// <exception cref="UserError">N does not divide F.</exception>
    public static Tensor Rows(Tensor dense, int experts)
    {
        Require(dense.shape[0], experts);
        return dense.reshape(experts, dense.shape[0] / experts, dense.shape[1]).clone();
    }

    /// <summary>The bias behind the sum [D] in equal parts [N, D]: the experts' outputs are added, and so are their biases.</summary>
    public static Tensor Shares(Tensor dense, int experts) => (dense / experts).unsqueeze(0).repeat(experts, 1);

    /// <summary>Query, key and value side by side [D, 3 H d] as [H, D, 3 d], a head's three together.</summary>
    public static Tensor Heads(Tensor qkv, int heads)
    {
        var (size, width) = (qkv.shape[0], qkv.shape[1] / 3);
        Require(width, heads);
        return qkv.reshape(size, 3, heads, width / heads).permute(2, 0, 1, 3).reshape(heads, size, 3 * (width / heads)).contiguous();
    }

    /// <summary>The way back of <see cref="Columns"/>.</summary>
    public static Tensor FromColumns(Tensor union) => union.dim() == 2 ? union.reshape(union.numel()).clone()
        : union.permute(1, 0, 2).reshape(union.shape[1], union.shape[0] * union.shape[2]).contiguous();

    /// <summary>The way back of <see cref="Rows"/>.</summary>
    public static Tensor FromRows(Tensor union) => union.reshape(union.shape[0] * union.shape[1], union.shape[2]).clone();

    /// <summary>The way back of <see cref="Shares"/>: their sum.</summary>
    public static Tensor FromShares(Tensor union) => union.sum([0L]);

    /// <summary>The way back of <see cref="Heads"/>.</summary>
    public static Tensor FromHeads(Tensor union)
    {
        var (heads, size, width) = (union.shape[0], union.shape[1], union.shape[2] / 3);
        return union.reshape(heads, size, 3, width).permute(1, 2, 0, 3).reshape(size, 3 * heads * width).contiguous();
    }

    private static void Require(long width, int experts)
    {
        if (width % experts != 0)
            throw new UserError($"A layer of width {width} cannot be cut into {experts} equal experts.");
    }
}
