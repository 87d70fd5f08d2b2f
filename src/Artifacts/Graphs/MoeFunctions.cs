namespace OnnxMoe.Artifacts.Graphs;

/// <summary>The names of the MoE ops in ONNX files.</summary>
public static class MoeFunctions
{
    /// <summary>Their domain.</summary>
    public const string Domain = "onnxmoe";

    /// <summary>The routed feed-forward: x [T, D], indices [T, K], weights [T, K], and then stacks of weights [E, ...].</summary>
    public const string GroupedFfn = "GroupedFfn";

    /// <summary>The routed linear map.</summary>
    public const string GroupedLinear = "GroupedLinear";

    /// <summary>Causal attention with rotary embeddings: query, key, value, past key, past value, mask, positions, cos, sin; gives the context and the grown caches.</summary>
    public const string CausalAttention = "CausalAttention";

    /// <summary>The op that a function name stands for: <c>GroupedFfn_2</c> is GroupedFfn.</summary>
    public static string OpOf(string function) =>
        function.LastIndexOf('_') is > 0 and var cut && int.TryParse(function[(cut + 1)..], out _) ? function[..cut] : function;
}
