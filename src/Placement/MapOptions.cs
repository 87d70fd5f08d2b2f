using OnnxMoe.Artifacts.Configuration;
using OnnxMoe.Placement.Mappings;

namespace OnnxMoe.Placement;

/// <summary>Settings of the search for mappings; section Map.</summary>
public sealed class MapOptions
{
    static readonly CostAssumptions Standard = new();

    [Setting("Sizes of the model (JSON), or the name of a file in shapes/ of the folder Models, such as mixtral-8x22b")]
    public string ModelShape { get; set; } = "";

    [Setting("Cluster description (JSON): nodes, GPUs, memory, bandwidths; or the name of one in clusters/ of the folder Models, such as dgx-h100")]
    public string Cluster { get; set; } = "";

    [Setting("How many nodes there are, where the description has one kind of them; 0 takes its own number", Unit = "nodes", Min = 0)]
    public int Nodes { get; set; }

    [Setting("Length of a sequence", Unit = "tokens", Min = 1)]
    public int Sequence { get; set; } = 4096;

    [Setting("Sequences of a training step, over all GPUs", Unit = "sequences", Min = 1)]
    public int Batch { get; set; } = 256;

    [Setting("Places of an expert over its even share of token copies; 0: no token is dropped", Min = 0)]
    public double CapacityFactor { get; set; } = 1;

    [Setting("Experts compute all their places, taken or not")]
    public bool PadToCapacity { get; set; }

    [Setting("Tensor parallelism of attention; 0 tries all", Unit = "ranks", Min = 0)]
    public int Tp { get; set; }

    [Setting("Context parallelism; 0 tries all", Unit = "ranks", Min = 0)]
    public int Cp { get; set; }

    [Setting("Pipeline stages; 0 tries all", Unit = "ranks", Min = 0)]
    public int Pp { get; set; }

    [Setting("Expert parallelism; 0 tries all", Unit = "ranks", Min = 0)]
    public int Ep { get; set; }

    [Setting("Tensor parallelism of the experts; 0 tries all", Unit = "ranks", Min = 0)]
    public int Etp { get; set; }

    [Setting("Sequences of a micro batch; 0 tries 1, 2 and 4", Unit = "sequences", Min = 0)]
    public int MicroBatch { get; set; }

    [Setting("Pieces of consecutive layers of each pipeline stage; 0 tries all", Unit = "pieces", Min = 0)]
    public int VirtualStages { get; set; }

    [Setting("Whether a layer's activations are computed again for the backward pass; auto tries both", Choices = "auto|never|always")]
    public string Recompute { get; set; } = "auto";

    [Setting("The axes in the order of the ranks, fastest first")]
    public string Order { get; set; } = RankGrid.DefaultOrder;

    [Setting("How many mappings are listed", Min = 1)]
    public int Top { get; set; } = 10;

    [Setting("Folder of mapping.json and report.html")]
    public string Output { get; set; } = ".";

    [Setting("Share of a GPU's peak that a large matrix product reaches (an assumption)", Min = 0.01, Max = 1)]
    public double GemmShare { get; set; } = Standard.GemmShare;

    [Setting("Share of a GPU's peak that fused attention reaches (an assumption)", Min = 0.01, Max = 1)]
    public double AttentionShare { get; set; } = Standard.AttentionShare;

    [Setting("Share of the links' bandwidths that transfers reach (an assumption)", Min = 0.01, Max = 1)]
    public double LinkShare { get; set; } = Standard.LinkShare;

    [Setting("Share of the memory's bandwidth that elementwise work reaches (an assumption)", Min = 0.01, Max = 1)]
    public double MemoryShare { get; set; } = Standard.MemoryShare;

    [Setting("Memory of each GPU for context, communication buffers and fragments (an assumption)", Unit = "GiB", Min = 0)]
    public double RuntimeGiB { get; set; } = Standard.RuntimeGiB;

    /// <summary>What is fixed.</summary>
    public SearchSpace Space => new()
    {
        Tp = Tp,
        Cp = Cp,
        Pp = Pp,
        Ep = Ep,
        Etp = Etp,
        MicroBatch = MicroBatch,
        VirtualStages = VirtualStages,
        Recompute = Recompute == "auto" ? null : Recompute == "always",
        Order = Order,
    };

    /// <summary>Efficiency.</summary>
    public CostAssumptions Assumptions => new() { GemmShare = GemmShare, AttentionShare = AttentionShare, LinkShare = LinkShare, MemoryShare = MemoryShare, RuntimeGiB = RuntimeGiB };
}
