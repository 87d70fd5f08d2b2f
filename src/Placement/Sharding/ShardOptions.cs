using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Placement.Sharding;

/// <summary>Settings of the simulation of sharded training; section Shard.</summary>
public sealed class ShardOptions
{
    [Setting("Expert counts of a training: .csv (iteration, layer, expert, count), .npy [iterations, layers, experts] or metrics.jsonl")]
    public string Counts { get; set; } = "";

    [Setting("Experts of a layer, for a .csv that does not name them all; 0 takes the largest id and one more", Unit = "experts", Min = 0)]
    public int Experts { get; set; }

    [Setting("Cluster description (JSON), or the name of one in clusters/ of the folder Models, such as hecate-v100")]
    public string Cluster { get; set; } = "";

    [Setting("How many nodes there are, where the description has one kind of them; 0 takes its own number", Unit = "nodes", Min = 0)]
    public int Nodes { get; set; }

    [Setting("Folder of sharding.json and sharding.html")]
    public string Output { get; set; } = ".";

    [Setting("Hidden size of the model that is trained", Min = 1)]
    public int HiddenSize { get; set; } = 768;

    [Setting("Hidden size of an expert; 0: twice that of the model", Min = 0)]
    public int ExpertHidden { get; set; }

    [Setting("Length of a sequence", Unit = "tokens", Min = 1)]
    public int SequenceLength { get; set; } = 2048;

    [Setting("Tokens of a device in an iteration; the counts are scaled to it; 0: as many as were recorded", Unit = "tokens", Min = 0)]
    public int TokensPerDevice { get; set; } = 8192;

    [Setting("Experts of a token", Unit = "experts", Min = 1)]
    public int ExpertsPerToken { get; set; } = 2;

    [Setting("Bytes of a weight, a gradient and a token's hidden unit", Unit = "bytes", Min = 1)]
    public int NumberBytes { get; set; } = 2;

    [Setting("Bytes of optimizer state for a weight", Unit = "bytes", Min = 0)]
    public int StateBytes { get; set; } = 12;

    [Setting("Part of a GPU's peak speed that kernels reach", Min = 0.001, Max = 1)]
    public double Efficiency { get; set; } = 0.4;

    [Setting("Past iterations that the load estimate is the mean of", Unit = "iterations", Min = 1)]
    public int Window { get; set; } = 5;

    [Setting("Experts of a layer that may be copied (t); -1: as many as attention hides", Unit = "experts", Min = -1)]
    public int Overlap { get; set; } = -1;

    [Setting("Copies of a layer's experts on a device (m); -1: as many as its memory holds", Unit = "experts", Min = -1)]
    public int Copies { get; set; } = -1;

    [Setting("Iterations between two changes of Hecate's owners; 0: never", Unit = "iterations", Min = 0)]
    public int ReshardEvery { get; set; } = 100;

    [Setting("Iterations between two rounds of swaps", Unit = "iterations", Min = 1)]
    public int SwapEvery { get; set; } = 25;

    [Setting("Let some devices own one expert more than others")]
    public bool AllowUneven { get; set; }

    [Setting("Time limit of each of the integer programs that say how far Hecate's copies are from the best; 0: leave them out", Unit = "seconds", Min = 0)]
    public double OptimumSeconds { get; set; } = 5;
}
