using OnnxMoe.Placement.Mappings;

namespace OnnxMoe.Experiments.Simulations;

/// <summary>
/// A row of table 3 of Liu et al. 2025 (arXiv 2504.14960): the best mapping that its authors found for a method, and its MFU on Eos (H100, BF16, 256 sequences of 4,096
/// tokens, capacity factor 1; CP is 1 in all of them).
/// </summary>
/// <param name="Model">Name in models/shapes.</param>
/// <param name="Gpus">GPUs.</param>
/// <param name="Method">As the paper calls it.</param>
/// <param name="Tp">Tensor parallelism.</param>
/// <param name="Ep">Expert parallelism.</param>
/// <param name="Pp">Pipeline stages.</param>
/// <param name="Mfu">Percent of the peak; NaN: out of memory.</param>
public sealed record PublishedMapping(string Model, int Gpus, string Method, int Tp, int Ep, int Pp, double Mfu)
{
    /// <summary>The method without and with folding.</summary>
    public const string Unfolded = "MCore", Folded = "MCore w/ Folding", WithoutPipeline = "TP+EP+DP";

    /// <summary>The rows of methods that are modelled: all but the two of fully sharded data parallelism.</summary>
    public static IReadOnlyList<PublishedMapping> All { get; } =
    [
        new("mixtral-8x22b", 128, WithoutPipeline, 4, 8, 1, 36.6),
        new("mixtral-8x22b", 128, Unfolded, 2, 4, 8, 46.3),
        new("mixtral-8x22b", 128, Folded, 2, 8, 8, 49.3),
        new("llama3-8x70b", 256, WithoutPipeline, 8, 8, 1, double.NaN),
        new("llama3-8x70b", 256, Unfolded, 8, 4, 8, 38.8),
        new("llama3-8x70b", 256, Folded, 8, 8, 16, 41.6),
        new("qwen2-57b-a14b", 64, WithoutPipeline, 4, 4, 1, 23.1),
        new("qwen2-57b-a14b", 64, Unfolded, 2, 4, 4, 35.3),
        new("qwen2-57b-a14b", 64, Folded, 2, 4, 4, 39.0),
        new("mixtral-8x22b-g8t8", 128, WithoutPipeline, 8, 8, 1, 8.7),
        new("mixtral-8x22b-g8t8", 128, Unfolded, 2, 8, 8, 17.1),
        new("mixtral-8x22b-g8t8", 128, Folded, 4, 8, 8, 28.8),
    ];

    /// <summary>The grids. Folded experts are not sliced (the paper leaves ETP of Llama3-8x70B empty; no other value but 2 would divide its GPUs).</summary>
    public ParallelGrid Grid => Method == Folded ? ParallelGrid.Folded(Gpus, Tp, 1, Pp, Ep, 1) : ParallelGrid.Unfolded(Gpus, Tp, 1, Pp, Ep);

    /// <summary>What is trained.</summary>
    public TrainingJob Job => FoldingSimulation.Job(Model, Gpus);

    /// <summary>Prediction of the mapping with micro batches of one sequence and the best number of pieces a stage; null when no number fits into memory.</summary>
    public StepEstimate? Predict(CostAssumptions assumptions)
    {
        var space = new SearchSpace { Tp = Tp, Cp = 1, Pp = Pp, Ep = Ep, Etp = Grid.Etp, MicroBatch = 1, Recompute = false };
        var result = new MappingSearch(Job, space, assumptions).Run();
        return Method == Folded ? result.BestFolded : result.BestUnfolded;
    }

    /// <summary>Memory with one piece a stage.</summary>
    public double MemoryGiB(CostAssumptions assumptions) => new MemoryModel(Job, assumptions).Of(new Mapping(Grid)).Total / (1L << 30);
}
