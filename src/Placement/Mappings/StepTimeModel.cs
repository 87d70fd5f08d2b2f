using OnnxMoe.Placement.Collectives;

namespace OnnxMoe.Placement.Mappings;

/// <summary>
/// Predicts a training step of a mapping: matrix products by their shapes, attention, elementwise work, the collectives of each axis at the maximum link time, the
/// pipeline's bubble, and gradients as far as they do not hide behind the backward pass. docs/mappings.md has the formulas and what is left out.
/// </summary>
public sealed class StepTimeModel
{
    const double ActivationBytes = 2, WeightBytes = 2, GradientBytes = 4;

    readonly TrainingJob _job;
    readonly CostAssumptions _assumptions;
    readonly GemmTime _gemm;
    readonly CollectiveCost _cost;
    readonly int[] _nodeOf;
    readonly double _memoryBandwidth;
    readonly Dictionary<(ParallelGrid, GridAxis, bool), IReadOnlyList<GroupLayout>> _layouts = [];

    /// <param name="job">What is trained; must have passed <see cref="TrainingJob.Check"/>.</param>
    /// <param name="assumptions">Efficiency.</param>
    public StepTimeModel(TrainingJob job, CostAssumptions assumptions)
    {
        (_job, _assumptions) = (job, assumptions);
        _gemm = new GemmTime(assumptions, job.PeakFlops);
        _cost = new CollectiveCost(job.Cluster, assumptions.LinkShare);
        _nodeOf = [.. job.Cluster.Devices.Select(device => device.Node)];
        _memoryBandwidth = assumptions.MemoryShare * job.Cluster.Devices[0].MemoryBytesPerSecond;
        Memory = new MemoryModel(job, assumptions);
    }

    /// <summary>Memory of a mapping.</summary>
    public MemoryModel Memory { get; }

    /// <summary>Predicts a step.</summary>
    public StepEstimate Of(Mapping mapping)
    {
        var (grid, model) = (mapping.Grid, _job.Model);
        var (forward, backward) = (Forward(mapping), Backward(mapping));
        var layers = (double)model.Layers / grid.Pp;
        // Tokens of the logits are divided over CP, their columns over TP; the last stage has them.
        var output = _gemm.Seconds((double)mapping.MicroBatch * _job.Sequence / grid.Cp, (double)model.Vocabulary / grid.Tp, model.HiddenSize);
        var (forwardStage, backwardStage) = (layers * forward.Total + output, layers * backward.Total + 2 * output);
        var microBatches = _job.Batch / (grid.Dp * mapping.MicroBatch);
        var send = SendOfStage(mapping);
        var sends = grid.Pp == 1 ? 0 : 2 * mapping.VirtualStages * Exposed(mapping, send, forwardStage);
        var bubble = (grid.Pp - 1) * ((forwardStage + backwardStage) / mapping.VirtualStages + 2 * send);
        var data = DataParallel(grid, forwardStage, backwardStage);
        var (dense, experts) = (Memory.DenseParameters(grid) / (grid.Dp * grid.Cp), Memory.ExpertParameters(grid) / grid.Edp);
        // Reads and writes three fp32 numbers a weight, reads the gradient, writes the bf16 weight.
        var optimizer = OfMemory((dense + experts) * (2 * 12 + GradientBytes + WeightBytes));
        var seconds = microBatches * (forwardStage + backwardStage + sends) + bubble + data + optimizer;
        return new StepEstimate(mapping, Memory.Of(mapping), forward + backward, seconds, bubble, microBatches * sends, data, optimizer,
            _job.StepFlops / (seconds * _job.Gpus * _job.PeakFlops));
    }

    /// <summary>What a step puts on the links, over all GPUs, by purpose.</summary>
    public IReadOnlyList<Traffic> TrafficOf(Mapping mapping)
    {
        var grid = mapping.Grid;
        var microBatches = _job.Batch / (grid.Dp * mapping.MicroBatch);
        // Every rank is in one group of each axis, and passes a layer of its stage so often.
        var passes = (double)microBatches * _job.Model.Layers / grid.Pp;
        var forwards = mapping.Recompute ? 2 : 1;
        CollectiveEstimate All(CollectiveEstimate one, int size, double times) => size == 1 ? CollectiveEstimate.None : (times * one).InGroups((double)_job.Gpus / size);
        var boundaries = grid.Pp * mapping.VirtualStages - 1;
        var pipeline = Layouts(grid, GridAxis.Pp, false).All(group => group.Nodes == 1);
        return
        [
            Traffic.Of("TP: activations", All(Tensor(mapping), grid.Tp, passes * TensorPasses * (forwards + 1.5))),
            Traffic.Of("CP: keys and values", All(ContextGather(mapping), grid.Cp, passes * (forwards + 2))),
            Traffic.Of("EP: tokens to experts and back", All(Dispatch(mapping), grid.Ep, passes * 2 * (forwards + 1))),
            Traffic.Of("ETP: tokens to slices and back", All(ExpertTensor(mapping), grid.Etp, passes * 2 * (forwards + 1))),
            Traffic.Of("PP: activations between stages", (2.0 * microBatches * boundaries * _job.Gpus / grid.Pp) * _cost.Send(pipeline, Tokens(mapping).Own * TokenBytes)),
            Traffic.Of("DP x CP: gradients and weights of the dense part", All(DenseShards(grid, GradientBytes + WeightBytes), grid.Dp * grid.Cp, 1)),
            Traffic.Of("EDP: gradients and weights of the experts", All(ExpertShards(grid, GradientBytes + WeightBytes), grid.Edp, 1)),
        ];
    }

    /// <summary>Forward pass of a layer.</summary>
    public LayerTime Forward(Mapping mapping)
    {
        var (model, grid) = (_job.Model, mapping.Grid);
        var (own, gathered) = Tokens(mapping);
        var (queries, keys) = ((double)model.Heads * model.HeadSize / grid.Tp, Math.Max(1.0, (double)model.KvHeads / grid.Tp) * model.HeadSize);
        var dense = _gemm.Seconds(gathered, queries + 2 * keys, model.HiddenSize) + _gemm.Seconds(gathered, model.HiddenSize, queries);
        if (model.SharedHiddenSize > 0)
            dense += Ffn(gathered, (double)model.SharedHiddenSize / grid.Tp, 1);
        var core = CoreSeconds(gathered, queries);
        var rows = own * grid.Ep * grid.Etp * model.ExpertsPerToken * _job.ExpertLoad / model.Experts;
        var experts = Ffn(rows, (double)model.ExpertHiddenSize / grid.Etp, model.Experts / grid.Ep);
        return new LayerTime(dense, core, experts, OfMemory(ElementwiseBytes(mapping)), TensorPasses * Tensor(mapping).Seconds,
            Math.Max(0, ContextGather(mapping).Seconds - core), 2 * Dispatch(mapping).Seconds, 2 * ExpertTensor(mapping).Seconds);
    }

    /// <summary>Backward pass of a layer: two products for each, attention 2.5 times, the mirrored collectives; with recomputation the forward pass again.</summary>
    public LayerTime Backward(Mapping mapping)
    {
        var forward = Forward(mapping);
        // Over TP the inputs of the products are gathered a second time, for the gradient of the weights; over CP keys are gathered and their gradients scattered.
        var backward = forward with
        {
            Dense = 2 * forward.Dense,
            Core = 2.5 * forward.Core,
            Experts = 2 * forward.Experts,
            Elementwise = 2 * forward.Elementwise,
            Tensor = 1.5 * forward.Tensor,
            Context = Math.Max(0, 2 * ContextGather(mapping).Seconds - 2.5 * forward.Core),
        };
        return mapping.Recompute ? backward + forward : backward;
    }

    /// <summary>Collectives over TP in a forward pass: gather and scatter around attention, and around the shared expert.</summary>
    double TensorPasses => _job.Model.SharedHiddenSize > 0 ? 4 : 2;

    /// <summary>Tokens that a rank has between the layers, and those of the dense products, which TP has in common.</summary>
    (double Own, double Gathered) Tokens(Mapping mapping)
    {
        var gathered = (double)mapping.MicroBatch * _job.Sequence / mapping.Grid.Cp;
        return (gathered / mapping.Grid.Tp, gathered);
    }

    double Ffn(double rows, double inner, int count) => _gemm.Seconds(rows, 2 * inner, _job.Model.HiddenSize, count) + _gemm.Seconds(rows, _job.Model.HiddenSize, inner, count);

    /// <summary>Scores and mixing, causal: the mean token sees half of the sequence.</summary>
    double CoreSeconds(double tokens, double queries) => 4 * tokens * (_job.Sequence / 2.0) * queries / (_assumptions.AttentionShare * _job.PeakFlops);

    /// <summary>Bytes read and written: norms and sums of the residual stream, the copies permuted there and back, the activation function.</summary>
    double ElementwiseBytes(Mapping mapping)
    {
        var (model, (own, _)) = (_job.Model, Tokens(mapping));
        var copies = model.ExpertsPerToken * _job.ExpertLoad;
        return ActivationBytes * own * (10.0 * model.HiddenSize + copies * (4.0 * model.HiddenSize + 3.0 * model.ExpertHiddenSize) + 3.0 * model.SharedHiddenSize);
    }

    /// <summary>Seconds of so many bytes of the GPU's memory; 0 where its bandwidth is not known.</summary>
    double OfMemory(double bytes) => _memoryBandwidth > 0 ? bytes / _memoryBandwidth : 0;

    double TokenBytes => ActivationBytes * _job.Model.HiddenSize;

    CollectiveEstimate Tensor(Mapping mapping) => Worst(mapping.Grid, GridAxis.Tp, false, group => _cost.AllGather(group, Tokens(mapping).Own * TokenBytes));

    CollectiveEstimate ContextGather(Mapping mapping)
    {
        var keys = Math.Max(1.0, (double)_job.Model.KvHeads / mapping.Grid.Tp) * _job.Model.HeadSize;
        return Worst(mapping.Grid, GridAxis.Cp, false, group => _cost.AllGather(group, Tokens(mapping).Gathered * 2 * keys * ActivationBytes));
    }

    /// <summary>All-to-all of the token copies one way: none is left out because another copy of its token goes to the same rank.</summary>
    CollectiveEstimate Dispatch(Mapping mapping) => Worst(mapping.Grid, GridAxis.Ep, true, group => _cost.AllToAll(group, CopyBytes(mapping) / mapping.Grid.Ep));

    CollectiveEstimate ExpertTensor(Mapping mapping) => Worst(mapping.Grid, GridAxis.Tp, true, group => _cost.AllGather(group, CopyBytes(mapping)));

    double CopyBytes(Mapping mapping) => Tokens(mapping).Own * _job.Model.ExpertsPerToken * _job.ExpertLoad * TokenBytes;

    /// <summary>Seconds of one activation between stages, over the slowest link of a pipeline group.</summary>
    double SendOfStage(Mapping mapping) => mapping.Grid.Pp == 1 ? 0
        : _cost.Send(Layouts(mapping.Grid, GridAxis.Pp, false).All(group => group.Nodes == 1), Tokens(mapping).Own * TokenBytes).Seconds;

    /// <summary>With several pieces a stage, sending overlaps with computing the next piece (interleaved 1F1B); without, it does not.</summary>
    static double Exposed(Mapping mapping, double send, double forwardStage) => mapping.VirtualStages == 1 ? send : Math.Max(0, send - forwardStage / mapping.VirtualStages);

    /// <summary>Gradients scatter during the last micro batch's backward pass, weights are gathered during the first one's forward pass.</summary>
    double DataParallel(ParallelGrid grid, double forwardStage, double backwardStage)
    {
        var scatter = DenseShards(grid, GradientBytes).Seconds + ExpertShards(grid, GradientBytes).Seconds;
        var gather = DenseShards(grid, WeightBytes).Seconds + ExpertShards(grid, WeightBytes).Seconds;
        return Math.Max(0, scatter - backwardStage) + Math.Max(0, gather - forwardStage);
    }

    CollectiveEstimate DenseShards(ParallelGrid grid, double bytes) => DenseGroups(grid) is var groups && groups[0].Size == 1 ? CollectiveEstimate.None
        : Worst(groups, group => _cost.AllGather(group, Memory.DenseParameters(grid) * bytes / group.Size));

    CollectiveEstimate ExpertShards(ParallelGrid grid, double bytes) =>
        Worst(grid, GridAxis.Dp, true, group => _cost.AllGather(group, Memory.ExpertParameters(grid) * bytes / group.Size));

    /// <summary>Dense weights are the same over DP and CP.</summary>
    IReadOnlyList<GroupLayout> DenseGroups(ParallelGrid grid) => Layouts(grid, GridAxis.Dp, false);

    CollectiveEstimate Worst(ParallelGrid grid, GridAxis axis, bool ofExperts, Func<GroupLayout, CollectiveEstimate> cost) => Worst(Layouts(grid, axis, ofExperts), cost);

    static CollectiveEstimate Worst(IReadOnlyList<GroupLayout> groups, Func<GroupLayout, CollectiveEstimate> cost) =>
        groups[0].Size == 1 ? CollectiveEstimate.None : groups.Select(cost).MaxBy(estimate => estimate.Seconds);

    /// <summary>How the groups of an axis lie on the nodes: each kind of layout once.</summary>
    IReadOnlyList<GroupLayout> Layouts(ParallelGrid grid, GridAxis axis, bool ofExperts)
    {
        if (_layouts.TryGetValue((grid, axis, ofExperts), out var known))
            return known;
        var groups = ofExperts ? grid.ExpertGroups(axis) : axis == GridAxis.Dp ? grid.AttentionGroups(GridAxis.Cp, GridAxis.Dp) : grid.AttentionGroups(axis);
        return _layouts[(grid, axis, ofExperts)] = [.. groups.Select(group => GroupLayout.Of(group, _nodeOf)).Distinct()];
    }
}
