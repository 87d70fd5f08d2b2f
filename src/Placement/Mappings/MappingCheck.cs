using OnnxMoe.Artifacts;

namespace OnnxMoe.Placement.Mappings;

/// <summary>Whether a mapping divides the model and the batch.</summary>
static class MappingCheck
{
    /// <summary>What does not divide, as a sentence; null when all does.</summary>
    public static string? Problem(TrainingJob job, Mapping mapping)
    {
        var (model, grid) = (job.Model, mapping.Grid);
        if (grid.Ranks != job.Gpus)
            return $"the mapping is for {grid.Ranks} ranks, the cluster has {job.Gpus} GPUs";
        if (model.Experts % grid.Ep != 0)
            return $"EP {grid.Ep} does not divide the {model.Experts} experts";
        if (model.ExpertHiddenSize % grid.Etp != 0)
            return $"ETP {grid.Etp} does not divide the experts' inner width of {model.ExpertHiddenSize}";
        if (model.Heads % grid.Tp != 0)
            return $"TP {grid.Tp} does not divide the {model.Heads} heads";
        if (model.KvHeads % grid.Tp != 0 && grid.Tp % model.KvHeads != 0)
            return $"TP {grid.Tp} and the {model.KvHeads} key and value heads do not divide one another";
        if (model.SharedHiddenSize % grid.Tp != 0)
            return $"TP {grid.Tp} does not divide the shared expert's inner width of {model.SharedHiddenSize}";
        if (model.Layers % (grid.Pp * mapping.VirtualStages) != 0)
            return $"PP {grid.Pp} with {mapping.VirtualStages} pieces a stage does not divide the {model.Layers} layers";
        // Causal attention is balanced over CP by giving each rank a piece from the beginning and one from the end.
        if (job.Sequence % (grid.Cp == 1 ? grid.Tp : 2 * grid.Cp * grid.Tp) != 0)
            return $"TP {grid.Tp} and CP {grid.Cp} do not divide a sequence of {job.Sequence} tokens";
        if (job.Batch % (grid.Dp * mapping.MicroBatch) != 0)
            return $"DP {grid.Dp} with micro batches of {mapping.MicroBatch} does not divide the batch of {job.Batch} sequences";
        if (mapping.VirtualStages > 1 && (grid.Pp == 1 || job.Batch / (grid.Dp * mapping.MicroBatch) % grid.Pp != 0))
            return $"several pieces a stage need a number of micro batches that PP {grid.Pp} divides, not {job.Batch / (grid.Dp * mapping.MicroBatch)}";
        return null;
    }

    /// <summary>Throws when something does not divide.</summary>
    public static void Passed(TrainingJob job, Mapping mapping)
    {
        if (Problem(job, mapping) is { } problem)
            throw new UserError($"{mapping.Grid} does not suit {job.Model.Name} on {job.Gpus} GPUs: {problem}.");
    }
}
