namespace OnnxMoe.Placement.Explanations;

/// <summary>By what each method decides where an expert goes, in a sentence.</summary>
static class MethodWords
{
    static readonly Dictionary<string, string> Known = new(StringComparer.Ordinal)
    {
        ["contiguous"] = "The method places experts by their numbers alone; neither load nor traffic had a say.",
        ["random"] = "The method places experts at random; neither load nor traffic had a say.",
        ["eplb"] = "The method takes the experts of a layer from the busiest on, each to the GPU with least load that has room; traffic has no say.",
        ["eplb-replicated"] = "The method copies the busiest experts and takes the copies from the busiest on, each to the GPU with least load that has room; traffic has a say only in that groups of experts stay within a node.",
        ["balanced"] = "The method makes the GPU that finishes a layer last finish as early as can be, then lets GPUs of equal speed exchange all they hold of a layer, for little traffic from layer to layer and equal memory; an expert goes where its GPU's share goes.",
        ["balanced-replicated"] = "The method copies the busiest experts so that the GPU that finishes a layer last finishes as early as can be, then lets GPUs of equal speed exchange all they hold of a layer, for little traffic from layer to layer and equal memory.",
        ["moetuner"] = "The method first forms clusters of experts with equal load in each layer, then gives the clusters to GPUs so that the busiest pair has little traffic from layer to layer; an expert goes where its cluster goes.",
        ["moetuner-equal"] = "The method first forms clusters of equally many experts with equal load in each layer, then gives the clusters to GPUs so that the busiest pair has little traffic from layer to layer; an expert goes where its cluster goes.",
        ["search"] = "The method looks for the least sum of weighted measures over all layers (Place:Objective), by moving and exchanging experts.",
        ["joint"] = "The method looks for the least sum of weighted measures over all layers (Place:Objective), by search and by one integer program.",
    };

    /// <summary>The sentence; null for a method that is not known here.</summary>
    public static string? Of(string method) => Known.GetValueOrDefault(method);
}
