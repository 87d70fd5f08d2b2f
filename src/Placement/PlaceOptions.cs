using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Placement;

/// <summary>Settings of the planner; section Place.</summary>
public sealed class PlaceOptions
{
    [Setting("Cluster description (JSON): nodes, GPUs, memory, bandwidths; or the name of one in clusters/ of the folder Models, such as dgx-h100")]
    public string Cluster { get; set; } = "";

    [Setting("How many nodes there are, where the description has one kind of them; 0 takes its own number", Unit = "nodes", Min = 0)]
    public int Nodes { get; set; }

    [Setting("Routing trace (trace.bin, .json, .csv or .npy) or expert counts (.json or .csv); empty takes trace.bin of the model folder")]
    public string Trace { get; set; } = "";

    [Setting("Instead of a trace draw one of a model of this shape, layers x experts x experts a token, such as 58x256x8 for DeepSeek-V3's size; synthetic, and the report says so")]
    public string Synthetic { get; set; } = "";

    [Setting("Tokens of a trace that is drawn", Unit = "tokens", Min = 1)]
    public int SyntheticTokens { get; set; } = 4096;

    [Setting("Experts of a layer, for a trace or counts that do not say (.csv, .npy); 0 takes the largest id and one more", Unit = "experts", Min = 0)]
    public int Experts { get; set; }

    [Setting("Folder of placement.json and report.html; empty takes the model folder, or the current one without a model")]
    public string Output { get; set; } = "";

    [Setting("Which plan becomes placement.json; all are compared in the report", Choices = "contiguous|random|eplb|eplb-replicated|balanced|balanced-replicated|moetuner|moetuner-equal|joint|search")]
    public string Method { get; set; } = "moetuner";

    [Setting("Which tokens of the trace count", Choices = "all|prefill|decode|evaluation")]
    public string Phase { get; set; } = "all";

    [Setting("Engine of the integer programs; auto takes the first of SAT, SCIP, CBC that this build of OR-Tools has", Choices = "auto|SAT|SCIP|CBC")]
    public string Engine { get; set; } = "auto";

    [Setting("Relative gap at which an integer program may stop", Min = 0, Max = 1)]
    public double Gap { get; set; } = 0.025;

    [Setting("Time limit of the clustering program of each layer", Unit = "seconds", Min = 0.1)]
    public double ClusteringSeconds { get; set; } = 1;

    [Setting("Time limit of the assignment program", Unit = "seconds", Min = 0.1)]
    public double AssignmentSeconds { get; set; } = 10;

    [Setting("What search and joint minimise: measures with weights, each relative to the contiguous plan's: balance (time of the busiest GPU), flow (busiest pair between layers), remote (steps between GPUs), copies (GPUs a token visits), nodes (nodes it visits), home (busiest pair with dispatch and combine); or time, the predicted step")]
    public string Objective { get; set; } = "balance:1,flow:0.25,copies:0.25";

    [Setting("Time limit of search", Unit = "seconds", Min = 0.1)]
    public double SearchSeconds { get; set; } = 20;

    [Setting("Time limit of the joint program; it is built for small instances only", Unit = "seconds", Min = 0.1)]
    public double JointSeconds { get; set; } = 20;

    [Setting("A running plan (placement.json) to start from: search then moves experts away from it only as far as Place:MoveGiB allows")]
    public string From { get; set; } = "";

    [Setting("Most that may be moved away from the plan of Place:From; -1: all", Unit = "GiB", Min = -1)]
    public double MoveGiB { get; set; } = -1;

    [Setting("Threads of an integer program, for engines that may use several (the system lane's CBC stays on one)", Unit = "threads", Min = 1)]
    public int Threads { get; set; } = 2;

    [Setting("Seed of the random plan, of local search and of the engines that take one; unless given, the recipe's")]
    public int Seed { get; set; } = 1;

    [Setting("By how many experts a GPU may differ from the mean when equal memory cannot be met; -1 takes the smallest that can", Unit = "experts", Min = -1)]
    public int MemorySlack { get; set; } = -1;

    [Setting("Extra slots a layer for copies of hot experts (eplb-replicated, balanced-replicated); -1 takes one for each GPU, and what fills the GPUs up where the experts do not divide", Unit = "slots", Min = -1)]
    public int ExtraSlots { get; set; } = -1;

    [Setting("Expert groups for eplb-replicated on several nodes; 0 takes one group for each node where it divides", Unit = "groups", Min = 0)]
    public int Groups { get; set; }

    [Setting("Length of the blocks of tokens that are fitted and held out in turn", Unit = "tokens", Min = 1)]
    public int BlockTokens { get; set; } = 16;

    [Setting("How often every method is fitted on a random half of the blocks and measured on the other half, to say which gains survive; 0: not at all", Unit = "splits", Min = 0, Max = 20)]
    public int Splits { get; set; } = 5;

    [Setting("Time limits of the programs and the search on each split, as a share of the full ones", Min = 0.01, Max = 1)]
    public double SplitShare { get; set; } = 0.1;

    [Setting("Which methods are compared, a list with commas; all: every one")]
    public string Methods { get; set; } = "all";

    [Setting("Tokens of a simulated step, over all GPUs", Unit = "tokens", Min = 1)]
    public int StepTokens { get; set; } = 1024;

    [Setting("Fit the chosen plan on all tokens after the comparison, instead of on every other block")]
    public bool UseAllTokens { get; set; } = true;

    [Setting("Bytes of one expert's weights when planning without a model folder; 0 skips the memory check", Unit = "bytes", Min = 0)]
    public long ExpertBytes { get; set; }

    [Setting("Bytes of the weights that every GPU holds, when planning without a model folder", Unit = "bytes", Min = 0)]
    public long ReplicatedBytes { get; set; }

    [Setting("Hidden size of the model, when planning without a model folder; 0: not known", Unit = "units", Min = 0)]
    public int Hidden { get; set; }

    [Setting("Hidden width of a (gated) expert, when planning without a model folder; 0: not known", Unit = "units", Min = 0)]
    public int ExpertWidth { get; set; }

    [Setting("Bytes a token's hidden state takes on a link; 0 takes 4 bytes a hidden unit, or 2,048 where that is not known", Unit = "bytes", Min = 0)]
    public long TokenBytes { get; set; }

    [Setting("A plan that is there, to check, explain or deploy instead of making one; empty takes placement.json of the output folder for --explain, and else makes one")]
    public string Plan { get; set; } = "";

    [Setting("A layer and an expert of it, as in --explain 3 17: say why the expert is where the plan has it, instead of planning", Words = 2)]
    public int[] Explain { get; set; } = [];

    [Setting("Which sketches of a deployment to write from the plan, into deploy/ beside it", Choices = "none|triton|kubernetes|both")]
    public string Deploy { get; set; } = "none";

    /// <summary>The same with shorter limits, for the splits.</summary>
    public PlaceOptions ForSplits()
    {
        var options = (PlaceOptions)MemberwiseClone();
        (options.ClusteringSeconds, options.AssignmentSeconds, options.SearchSeconds, options.JointSeconds) =
            (ClusteringSeconds * SplitShare, AssignmentSeconds * SplitShare, SearchSeconds * SplitShare, JointSeconds * SplitShare);
        return options;
    }
}
