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

    /// <summary>The product with a float16 matrix.</summary>
    public const string Linear = "Linear";

    /// <summary><see cref="GroupedFfn"/> on codes: after each stack of codes its scales.</summary>
    public const string QuantizedGroupedFfn = "QuantizedGroupedFfn";

    /// <summary><see cref="GroupedLinear"/> on codes: after the stack of codes its scales.</summary>
    public const string QuantizedGroupedLinear = "QuantizedGroupedLinear";

    /// <summary>The product with a matrix of codes.</summary>
    public const string QuantizedLinear = "QuantizedLinear";

    private static readonly HashSet<string> Ops = [GroupedFfn, GroupedLinear, CausalAttention, Linear, QuantizedGroupedFfn, QuantizedGroupedLinear, QuantizedLinear];

    /// <summary>Whether a function is one of these ops, which the torch engine runs and the exporter writes as a whole.</summary>
    public static bool IsOp(string domain, string function) => domain == Domain && Ops.Contains(OpOf(function));

    /// <summary>Whether a function is the routed feed-forward, on numbers or on codes.</summary>
    public static bool IsRoutedFfn(string domain, string function) => domain == Domain && OpOf(function) is GroupedFfn or QuantizedGroupedFfn;

    /// <summary>The op that a function name stands for: <c>GroupedFfn_2</c> is GroupedFfn.</summary>
    public static string OpOf(string function) =>
        function.LastIndexOf('_') is > 0 and var cut && int.TryParse(function[(cut + 1)..], out _) ? function[..cut] : function;
}
