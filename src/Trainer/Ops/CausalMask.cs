using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Ops;

/// <summary>Which tokens of a sequence a token may look at: itself and the earlier ones that are no padding.</summary>
public static class CausalMask
{
    /// <summary>Added to the score of a position that must not be seen: exp of it is zero, and a row of nothing else stays finite.</summary>
    public const float Unseen = -1e30f;

    /// <summary>What is added to scores: 0 where a query may look, else <see cref="Unseen"/>; [S, P + S], or with a mask [B, 1, 1, S, P + S].</summary>
    /// <param name="like">Gives the element type.</param>
    /// <param name="length">[1] int64: S, the queries, which are the last positions.</param>
    /// <param name="keys">[1] int64: P + S.</param>
    /// <param name="mask">[B, P + S] int64, 0 for positions to ignore; null: none.</param>
    public static Value Bias(Value like, Value length, Value keys, Value? mask)
    {
        var seen = Seen(length, keys);
        if (mask is not null)
            seen = seen.And(mask.Unsqueeze(1, 2, 3).Cast(ElementType.Bool));
        return seen.Where(like.Scalar(0), like.Scalar(Unseen));
    }

    /// <summary>True where a query may look by its position alone: [S, P + S].</summary>
    /// <param name="length">[1] int64: S.</param>
    /// <param name="keys">[1] int64: P + S.</param>
    public static Value Seen(Value length, Value keys)
    {
        var ops = length.Ops;
        var total = keys.Squeeze(0);
        var one = ops.Constant(HostTensor.Scalar(1L));
        var column = ops.Constant(HostTensor.Scalar(0L)).Range(total, one); // [P+S]
        var row = (total - length.Squeeze(0)).Range(total, one).Unsqueeze(1); // [S, 1]
        return column.LessOrEqual(row);
    }
}
