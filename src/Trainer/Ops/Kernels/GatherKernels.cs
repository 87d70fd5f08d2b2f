using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops.Kernels;

/// <summary>Reading at computed positions. Negative indices count from the end.</summary>
internal static class GatherKernels
{
    public static void Register(KernelTable table)
    {
        table.Add("Gather", Gather, computes: false);
        table.Add("GatherElements", c => c[0].gather(c.Axis(0), Positive(c.Value(1), c[0].shape[c.Axis(0)])), computes: false);
        table.Add("GatherND", GatherND, computes: false);
        table.Add("Compress", Compress, computes: false);
        table.AddTyped("NonZero", c => [c.Result(c[0].nonzero().t())]);
    }

    /// <summary>Indices as int64 in 0..size-1, given -size..size-1.</summary>
    public static Tensor Positive(TorchValue indices, long size)
    {
        var index = indices.Tensor;
        if (index.dtype != ScalarType.Int64)
            index = index.to_type(ScalarType.Int64);
        if (indices.Known is not null && indices.Integers.All(i => i >= 0))
            return index;
        return where(index.lt((Scalar)0L), index.add((Scalar)size), index);
    }

    private static Tensor Gather(OpCall call)
    {
        var (x, indices, axis) = (call[0], call.Value(1), call.Axis(0));
        var index = Positive(indices, x.shape[axis]);
        if (index.dim() == 1)
            return x.index_select(axis, index);
        var gathered = x.index_select(axis, index.reshape(-1));
        return gathered.reshape([.. x.shape[..axis], .. index.shape, .. x.shape[(axis + 1)..]]);
    }

    private static Tensor GatherND(OpCall call)
    {
        var (x, indices) = (call[0], call[1]);
        var batchDims = (int)call.Attributes.Int("batch_dims", 0);
        var depth = (int)indices.shape[^1];
        var rows = LinearIndices.Of(x.shape[batchDims..], indices);
        var rest = x.shape[(batchDims + depth)..];
        var rowCount = x.shape[batchDims..(batchDims + depth)].Aggregate(1L, (a, b) => a * b);
        if (batchDims > 0)
        {
            // Row r of batch b is row b * rowCount + r of all batches laid end to end.
            var batches = x.shape[..batchDims].Aggregate(1L, (a, b) => a * b);
            var offset = arange(0, batches, dtype: ScalarType.Int64, device: x.device).mul((Scalar)rowCount);
            rows = rows.reshape(batches, rows.numel() / Math.Max(1, batches)).add(offset.unsqueeze(1));
            rowCount *= batches;
        }
        var flat = x.reshape([rowCount, .. rest]).index_select(0, rows.reshape(rows.numel()));
        return flat.reshape([.. indices.shape[..^1], .. rest]);
    }

    /// <summary>Slices along an axis (default: elements of the flattened input) where the condition holds.</summary>
    private static Tensor Compress(OpCall call)
    {
        var x = call.Attributes.ContainsKey("axis") ? call[0] : call[0].reshape(call[0].numel());
        var axis = call.Axis(call.Attributes.Int("axis", 0), x.dim());
        var kept = call[1].nonzero();
        return x.index_select(axis, kept.reshape(kept.numel()));
    }
}
