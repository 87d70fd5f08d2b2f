using Onnx;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Paging;

/// <summary>
/// A causal attention of a file, with rotary embeddings and a cache in one piece: the exporter's CausalAttention, or ONNX Runtime's GroupQueryAttention, which
/// the exporter writes for the target onnxruntime. The inputs of both are query, key, value, past key, past value, two that say how long all is, cos, sin.
/// </summary>
internal sealed class AttentionCall
{
    /// <summary>ONNX Runtime's operator.</summary>
    public const string GroupQueryAttention = "GroupQueryAttention";

    /// <summary>What else GroupQueryAttention can be told, with the values that change nothing.</summary>
    private static readonly Dictionary<string, float[]> Plain = new()
    {
        ["do_rotary"] = [1],
        ["rotary_interleaved"] = [0],
        ["local_window_size"] = [-1],
        ["scale"] = [0],
        ["softcap"] = [0],
        ["smooth_softmax"] = [0, -1],
    };

    private AttentionCall(NodeProto node, PagedTensor keys, PagedTensor values) => (Node, Keys, Values) = (node, keys, values);

    /// <summary>The node.</summary>
    public NodeProto Node { get; }

    /// <summary>Where its keys are kept.</summary>
    public PagedTensor Keys { get; }

    /// <summary>Where its values are kept.</summary>
    public PagedTensor Values { get; }

    /// <summary>Query heads.</summary>
    public int Heads => (int)Node.Attribute.First(attribute => attribute.Name == "num_heads").I;

    /// <summary>The value with the position of each token.</summary>
    public string Positions => Node.Domain == MoeFunctions.Domain ? Node.Input[6] : StepTensors.Positions;

    /// <summary>The values that say how long all is, which an attention over pages does not read.</summary>
    public IEnumerable<string> Lengths => Node.Domain == MoeFunctions.Domain ? [] : [Node.Input[5], Node.Input[6]];

    /// <summary>Whether a node is one.</summary>
    public static bool Is(NodeProto node) => IsFunction(node) || (node.Domain == FusedNorms.Domain && node.OpType == GroupQueryAttention);

    /// <summary>Reads a node that is one.</summary>
    /// <param name="node">The node.</param>
    /// <param name="inputs">Of the model, by name.</param>
    /// <param name="call">What it says.</param>
    /// <returns>Why it cannot be put on pages, to follow "because"; null when it can.</returns>
    public static string? Read(NodeProto node, IReadOnlyDictionary<string, ValueInfoProto> inputs, out AttentionCall call)
    {
        call = null!;
        if (node.Input.Count < 9 || node.Output.Count < 3 || Cache(3) is not { } keys || Cache(4) is not { } values)
            return $"the attention {node.Name} does not read its cache straight from the model's inputs";
        if (!IsFunction(node) && Special() is { } special)
            return $"the attention {node.Name} has {special}, which attention over pages does not know";
        call = new(node, keys, values);
        return null;

        PagedTensor? Cache(int place) =>
            inputs.TryGetValue(node.Input[place], out var info) && info.Type.TensorType.Shape.Dim is { Count: 4 } shape && shape[1].DimValue > 0 && shape[3].DimValue > 0
                ? new(info.Name, (int)shape[1].DimValue, (int)shape[3].DimValue)
                : null;

        string? Special() =>
            node.Input.Skip(9).Any(name => name.Length > 0) || node.Input.Take(9).Contains("") ? "other inputs than the exporter gives it"
            : node.Attribute.All(attribute => attribute.Name != "do_rotary") ? "no rotary embedding"
            : node.Attribute.FirstOrDefault(attribute => attribute.Name is not ("num_heads" or "kv_num_heads")
                && !(Plain.TryGetValue(attribute.Name, out var plain) && plain.Contains(attribute.Type == AttributeProto.Types.AttributeType.Float ? attribute.F : attribute.I))) is { } odd
                ? $"the attribute {odd.Name}"
            : null;
    }

    private static bool IsFunction(NodeProto node) => node.Domain == MoeFunctions.Domain && MoeFunctions.OpOf(node.OpType) == MoeFunctions.CausalAttention;
}
