namespace OnnxMoe.Placement.Mappings;

/// <summary>
/// Memory of a mapping as Megatron Core trains: bf16 weights, fp32 gradients, a distributed optimizer (12 bytes a weight over DP x CP, for experts over EDP), sequence
/// parallelism with TP, fused attention, and activations kept from the forward to the backward pass.
/// </summary>
/// <param name="job">What is trained.</param>
/// <param name="assumptions">The allowance for the runtime.</param>
public sealed class MemoryModel(TrainingJob job, CostAssumptions assumptions)
{
    const double WeightBytes = 2, GradientBytes = 4, OptimizerBytes = 12, ActivationBytes = 2;

    /// <summary>The first stage, which has most micro batches under way, or the last one, which has the logits; whichever needs more.</summary>
    public MemoryEstimate Of(Mapping mapping)
    {
        var first = Stage(mapping, isFirst: true);
        if (mapping.Grid.Pp == 1)
            return first;
        var last = Stage(mapping, isFirst: false);
        return last.Total > first.Total ? last : first;
    }

    /// <summary>Dense weights of a GPU of the first (or last) stage.</summary>
    public double DenseParameters(ParallelGrid grid)
    {
        var embeddings = grid.Pp == 1 && !job.Model.TiedEmbeddings ? 2 : 1;
        return ((double)job.Model.Layers / grid.Pp * (job.Model.AttentionParameters + job.Model.SharedParameters) + embeddings * job.Model.EmbeddingParameters) / grid.Tp;
    }

    /// <summary>Expert weights of a GPU.</summary>
    public double ExpertParameters(ParallelGrid grid) => (double)job.Model.Layers / grid.Pp * job.Model.Experts * job.Model.ExpertParameters / (grid.Ep * grid.Etp);

    MemoryEstimate Stage(Mapping mapping, bool isFirst)
    {
        var grid = mapping.Grid;
        var (dense, experts) = (DenseParameters(grid), ExpertParameters(grid));
        var activations = Activations(mapping, isFirst);
        return new(WeightBytes * (dense + experts), GradientBytes * (dense + experts), OptimizerBytes * (dense / (grid.Dp * grid.Cp) + experts / grid.Edp),
            activations, assumptions.RuntimeGiB * (1L << 30));
    }

    double Activations(Mapping mapping, bool isFirst)
    {
        var grid = mapping.Grid;
        var tokens = (double)mapping.MicroBatch * job.Sequence / (grid.Tp * grid.Cp);
        var microBatches = job.Batch / (grid.Dp * mapping.MicroBatch);
        // 1F1B keeps PP micro batches on the first stage and one on the last; pieces add (PP - 1) / (PP v) of them.
        var underWay = isFirst ? Math.Min(microBatches, grid.Pp * (mapping.VirtualStages > 1 ? 1 + (grid.Pp - 1.0) / (grid.Pp * mapping.VirtualStages) : 1)) : 1;
        var layers = (double)job.Model.Layers / grid.Pp;
        var kept = mapping.Recompute ? layers * underWay * job.Model.HiddenSize * ActivationBytes + LayerBytes(grid) : layers * underWay * LayerBytes(grid);
        // Logits in bf16, their fp32 copy and its gradient.
        var logits = isFirst && grid.Pp > 1 ? 0 : (2 + 4 + 4.0) * job.Model.Vocabulary;
        return tokens * (kept + logits);
    }

    /// <summary>Bytes of a token and layer, on one of the TP x CP ranks that share its sequence.</summary>
    double LayerBytes(ParallelGrid grid)
    {
        var (model, h) = (job.Model, (double)job.Model.HiddenSize);
        // Inputs of both norms and of the products behind them, queries, keys, values, and the attention's result.
        var attention = 4 * h + 2.0 * model.Heads * model.HeadSize + 2.0 * model.KvHeads * model.HeadSize;
        // Of each copy: the input on each of the ETP ranks, up, gate and their product, and the result, which is weighted at the end.
        var routed = model.ExpertsPerToken * job.ExpertLoad * (grid.Etp * h + 3.0 * model.ExpertHiddenSize + h);
        return ActivationBytes * (attention + routed + 3.0 * model.SharedHiddenSize);
    }
}
