using OnnxMoe.Artifacts;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Objectives;

/// <summary>
/// Distills the relations between tokens in the last self-attention (Wang et al. 2021, MiniLMv2, arXiv 2012.15828; Xu et al. 2022, AutoDistil, arXiv 2201.12507):
/// queries, keys and values are each cut into relation heads, as many on both sides, and T T^t / sqrt(d) of one side is compared with the other's. Columns that
/// do not fill a head are left out. Unlike in the released code, padding has no part in the loss.
/// </summary>
/// <param name="heads">Relation heads.</param>
/// <param name="divergence">KL(softmax of the teacher's || of the student's), averaged over heads and tokens; else the mean squared difference of the raw relations.</param>
public sealed class SelfAttentionRelation(int heads, bool divergence) : DistillObjective
{
    private const float Unseen = -1e4f;

    /// <summary>The size of a relation head.</summary>
    /// <exception cref="UserError">The width is less than one column a head.</exception>
    public static int HeadSize(long width, int heads) => width >= heads ? (int)(width / heads)
        : throw new UserError($"Queries of width {width} cannot be cut into {heads} relation heads (Supernet:Distill:RelationHeads); the smallest architecture needs more heads, or the relations fewer.");

    public override Tensor Loss(DistillPass student, DistillPass teacher, Tensor? mask = null) =>
        student.Projections.Zip(teacher.Projections, (s, t) => Compare(Relations(s), Relations(t.detach()), mask)).Aggregate((sum, loss) => sum + loss);

    /// <summary>The relations of a projection: [B, S, width] to [B, heads, S, S].</summary>
    public Tensor Relations(Tensor projection)
    {
        var (batch, length, size) = (projection.shape[0], projection.shape[1], HeadSize(projection.shape[2], heads));
        var cut = projection.narrow(2, 0, (long)heads * size).reshape(batch, length, heads, size).transpose(1, 2);
        return cut.matmul(cut.transpose(2, 3)) / Math.Sqrt(size);
    }

    private Tensor Compare(Tensor student, Tensor teacher, Tensor? mask)
    {
        if (!divergence)
        {
            var squared = (student - teacher).square();
            if (mask is null)
                return squared.mean();
            var pairs = (mask.unsqueeze(2) * mask.unsqueeze(1)).unsqueeze(1).to(squared.dtype); // [B, 1, S, S]
            return (squared * pairs).sum() / (pairs.sum() * heads);
        }
        if (mask is not null)
        {
            var bias = (1 - mask.unsqueeze(1).unsqueeze(1).to(student.dtype)) * Unseen; // [B, 1, 1, S]
            (student, teacher) = (student + bias, teacher + bias);
        }
        var (log, expected) = (student.log_softmax(-1), teacher.log_softmax(-1));
        var rows = (expected.exp() * (expected - log)).sum(-1); // [B, heads, S]
        if (mask is null)
            return rows.mean();
        var real = mask.unsqueeze(1).to(rows.dtype);
        return (rows * real).sum() / (real.sum() * heads);
    }
}
