using System.Diagnostics.CodeAnalysis;
using Onnx;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Serving.Sessions;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Serving.Paging;

/// <summary>
/// A language model's graph, changed so that one run serves the tokens of many sequences: they stand one after the other in one row, every attention
/// works on pages of a shared cache (<see cref="PagedAttention"/>), and scores are computed for the tokens that need them.
/// </summary>
internal sealed class PagedModel
{
    /// <summary>Input [R]: the tokens whose scores are wanted.</summary>
    public const string LogitRows = "logit_rows";

    /// <summary>Name of the node that chooses them.</summary>
    public const string ChooseTokens = "choose_tokens";

    private const string Logits = "logits";
    private readonly GraphProto _graph;
    private readonly List<PagedTensor> _caches = [];
    private readonly HashSet<string> _inputs = [LogitRows];

    private PagedModel(ModelProto model, PagedAttention attention, ElementType type) => (Model, _graph, Attention, CacheType) = (model, model.Graph, attention, type);

    /// <summary>The changed model.</summary>
    public ModelProto Model { get; }

    /// <summary>What computes its attention.</summary>
    public PagedAttention Attention { get; }

    /// <summary>What the caches hold: float or float16.</summary>
    public ElementType CacheType { get; }

    /// <summary>What all caches grow by for each token of one sequence.</summary>
    public long BytesPerToken => _caches.Sum(cache => (long)cache.Width * CacheType.Size());

    /// <summary>The caches.</summary>
    public IReadOnlyList<PagedTensor> Caches => _caches;

    /// <summary>Whether an input is one that the change has added or changed.</summary>
    public bool IsInput(string name) => _inputs.Contains(name);

    /// <summary>Changes a model.</summary>
    /// <param name="model">The model without its external data; left as it is.</param>
    /// <param name="attention">What computes its attention; of this model alone.</param>
    /// <param name="type">What the caches hold: float or float16.</param>
    /// <param name="paged">The changed one.</param>
    /// <param name="reason">Why it cannot be changed, to follow "because".</param>
    public static bool TryMake(ModelProto model, PagedAttention attention, ElementType type, [NotNullWhen(true)] out PagedModel? paged, [NotNullWhen(false)] out string? reason)
    {
        var made = new PagedModel(model.Clone(), attention, type);
        paged = null;
        reason = made.ReplaceAttention();
        if (reason is not null)
            return false;
        made.ChooseLogits();
        paged = made;
        return true;
    }

    private string? ReplaceAttention()
    {
        var nodes = _graph.Node.Where(AttentionCall.Is).ToArray();
        if (nodes.Length == 0)
            return $"it has no node {MoeFunctions.Domain}:{MoeFunctions.CausalAttention} or {FusedNorms.Domain}:{AttentionCall.GroupQueryAttention}; export it again";
        var inputs = _graph.Input.ToDictionary(input => input.Name);
        var calls = new List<AttentionCall>();
        foreach (var node in nodes)
        {
            if (AttentionCall.Read(node, inputs, out var call) is { } problem)
                return problem;
            calls.Add(call);
        }
        _caches.AddRange(calls.SelectMany(call => (PagedTensor[])[call.Keys, call.Values]));
        var dropped = _caches.Select(cache => cache.Name).Concat(nodes.SelectMany(node => node.Output.Skip(1))).ToHashSet();
        if (_graph.Input.FirstOrDefault(input => CacheInput.Is(input.Name) && !dropped.Contains(input.Name)) is { } other)
            return $"it has a cache that is not an attention's, '{other.Name}'";
        if (_graph.Node.Where(node => !AttentionCall.Is(node)).SelectMany(ValueNames.UsedBy).FirstOrDefault(dropped.Contains) is { } used)
            return $"something besides attention uses '{used}'";
        calls.ForEach(call => Attention.Replace(_graph, call, CacheType));
        RemoveUnread(calls.SelectMany(call => call.Lengths));
        if (_graph.Node.SelectMany(ValueNames.UsedBy).Contains(StepTensors.Mask))
            return $"something besides attention uses '{StepTensors.Mask}'";

        Keep(_graph.Input, input => !dropped.Contains(input.Name));
        Keep(_graph.Output, output => !dropped.Contains(output.Name));
        foreach (var size in _graph.Input.Concat(_graph.Output).SelectMany(value => value.Type.TensorType.Shape.Dim).Where(size => size.DimParam == CacheInput.Batch))
            size.DimValue = 1; // all tokens are one row
        foreach (var cache in _caches)
        {
            object[] shape = ["pages", .. Attention.ShapeOf(cache, 1)[1..]];
            _graph.Input.Add(GraphParts.Info(cache.Name, (DataType)CacheType, shape));
            if (Attention.OutputOf(cache) is { } output)
                _graph.Output.Add(GraphParts.Info(output, (DataType)CacheType, shape));
        }
        _graph.Input.Add(Attention.Inputs);
        _inputs.UnionWith(_caches.Select(cache => cache.Name).Concat(Attention.Inputs.Select(input => input.Name)));
        return null;
    }

    /// <summary>Removes what nobody reads now that the attentions do not, and so on backwards.</summary>
    private void RemoveUnread(IEnumerable<string> names)
    {
        var left = new Queue<string>(names);
        while (left.TryDequeue(out var name))
        {
            if (_graph.Node.FirstOrDefault(node => node.Output.Contains(name)) is not { } node || node.Output.Any(IsRead))
                continue;
            _graph.Node.Remove(node);
            foreach (var used in ValueNames.UsedBy(node))
                left.Enqueue(used);
        }

        bool IsRead(string name) => _graph.Output.Any(output => output.Name == name) || _graph.Node.SelectMany(ValueNames.UsedBy).Contains(name);
    }

    /// <summary>The rows of the values that come last are chosen before the last product, which is the most expensive one of a prompt.</summary>
    private void ChooseLogits()
    {
        var producers = _graph.Node.SelectMany(node => node.Output.Where(name => name.Length > 0).Select(output => (output, node))).ToDictionary(pair => pair.output, pair => pair.node);
        var constants = _graph.Initializer.Select(tensor => tensor.Name).ToHashSet();
        foreach (var node in _graph.Node.Where(node => node.Input.Count > 0 && ValueNames.UsedBy(node).All(constants.Contains)))
            constants.UnionWith(node.Output); // weights that are stored otherwise than they are multiplied
        // Back from the scores to what the last product reads; a bias or a scale may stand behind it.
        var value = Logits;
        for (var passed = false; !passed && producers.TryGetValue(value, out var node) && (IsProduct(node) || node.OpType is "Add" or "Mul" or "Div") && node.Input.Skip(1).All(constants.Contains); value = node.Input[0])
            passed = IsProduct(node);
        _graph.Input.Add(GraphParts.Info(LogitRows, DataType.Int64, "rows"));
        var chosen = value + " of the chosen tokens";
        var gather = new NodeProto { Name = ChooseTokens, OpType = "Gather", Input = { value, LogitRows }, Output = { chosen }, Attribute = { GraphParts.Int("axis", 1) } };
        if (value == Logits)
        {
            // Nothing to save: all scores are computed, and those wanted come out.
            producers[Logits].Output[producers[Logits].Output.IndexOf(Logits)] = gather.Input[0] = "scores of all tokens";
            gather.Output[0] = Logits;
            _graph.Node.Add(gather);
            return;
        }
        var reader = _graph.Node.Last(node => node.Input.Count > 0 && node.Input[0] == value && LeadsToLogits(node));
        reader.Input[0] = chosen;
        _graph.Node.Insert(_graph.Node.IndexOf(reader), gather);

        bool LeadsToLogits(NodeProto node)
        {
            for (var name = Logits; producers.TryGetValue(name, out var producer) && name != value; name = producer.Input[0])
            {
                if (producer == node)
                    return true;
            }
            return false;
        }
    }

    private static bool IsProduct(NodeProto node) =>
        (node.Domain.Length == 0 && node.OpType == "MatMul") || (node.Domain == FusedNorms.Domain && node.OpType == "MatMulNBits")
        || (node.Domain == MoeFunctions.Domain && MoeFunctions.OpOf(node.OpType) is MoeFunctions.Linear or MoeFunctions.QuantizedLinear);

    private static void Keep<T>(Google.Protobuf.Collections.RepeatedField<T> all, Func<T, bool> keep)
    {
        var kept = all.Where(keep).ToArray();
        all.Clear();
        all.Add(kept);
    }
}
