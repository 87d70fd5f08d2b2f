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
    /// <summary>The native operator that stands where the file calls CausalAttention.</summary>
    public const string PagedAttention = "PagedAttention";

    /// <summary>Input [S, pages of the longest]: the pages of each sequence.</summary>
    public const string PageTable = "page_table";

    /// <summary>Input [S + 1]: where the tokens of each sequence begin, and the end.</summary>
    public const string Starts = "sequence_starts";

    /// <summary>Input [S]: tokens of each sequence that its pages hold already.</summary>
    public const string Past = "past_lengths";

    /// <summary>Input [R]: the tokens whose scores are wanted.</summary>
    public const string LogitRows = "logit_rows";

    /// <summary>Name of the node that chooses them.</summary>
    public const string ChooseTokens = "choose_tokens";

    private const string Logits = "logits";
    private readonly GraphProto _graph;
    private readonly int _pageSize;
    private readonly List<(string Name, int Width)> _caches = [];

    private PagedModel(ModelProto model, int pageSize, ElementType type) => (Model, _graph, _pageSize, CacheType) = (model, model.Graph, pageSize, type);

    /// <summary>The changed model.</summary>
    public ModelProto Model { get; }

    /// <summary>What the caches hold: float or float16.</summary>
    public ElementType CacheType { get; }

    /// <summary>What all caches grow by for each token of one sequence.</summary>
    public long BytesPerToken => _caches.Sum(cache => (long)cache.Width * CacheType.Size());

    /// <summary>The caches, and how many numbers each holds of a token.</summary>
    public IReadOnlyList<(string Name, int Width)> Caches => _caches;

    /// <summary>Changes a model.</summary>
    /// <param name="model">The model without its external data; left as it is.</param>
    /// <param name="pageSize">Tokens of a page.</param>
    /// <param name="type">What the caches hold: float or float16.</param>
    /// <param name="paged">The changed one.</param>
    /// <param name="reason">Why it cannot be changed, to follow "because".</param>
    public static bool TryMake(ModelProto model, int pageSize, ElementType type, [NotNullWhen(true)] out PagedModel? paged, [NotNullWhen(false)] out string? reason)
    {
        var made = new PagedModel(model.Clone(), pageSize, type);
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
        var calls = _graph.Node.Where(IsAttention).ToArray();
        if (calls.Length == 0)
            return $"it has no node {MoeFunctions.Domain}:{MoeFunctions.CausalAttention}; export it again with the target onnxmoe";
        var inputs = _graph.Input.ToDictionary(input => input.Name);
        var dropped = new HashSet<string>();
        foreach (var call in calls)
        {
            if (call.Input.Count < 9 || Cache(call, 3) is not { } keys || Cache(call, 4) is not { } values)
                return $"the attention {call.Name} does not read its cache straight from the model's inputs";
            dropped.UnionWith([keys.Info.Name, values.Info.Name, call.Output[1], call.Output[2]]);
            _caches.AddRange([(keys.Info.Name, keys.Width), (values.Info.Name, values.Width)]);
            Replace(call);
        }
        if (_graph.Input.FirstOrDefault(input => CacheInput.Is(input.Name) && !dropped.Contains(input.Name)) is { } other)
            return $"it has a cache that is not an attention's, '{other.Name}'";
        if (_graph.Node.Where(node => node.OpType != PagedAttention).SelectMany(ValueNames.UsedBy).FirstOrDefault(name => name == StepTensors.Mask || dropped.Contains(name)) is { } used)
            return $"something besides attention uses '{used}'";

        Keep(_graph.Input, input => !dropped.Contains(input.Name));
        Keep(_graph.Output, output => !dropped.Contains(output.Name));
        foreach (var size in _graph.Input.Concat(_graph.Output).SelectMany(value => value.Type.TensorType.Shape.Dim).Where(size => size.DimParam == CacheInput.Batch))
            size.DimValue = 1; // all tokens are one row
        foreach (var (name, width) in _caches)
            _graph.Input.Add(Info(name, (DataType)CacheType, "pages", _pageSize * width));
        _graph.Input.Add([Info(PageTable, DataType.Int32, "sequences", "longest"), Info(Starts, DataType.Int32, "boundaries"), Info(Past, DataType.Int32, "sequences")]);
        return null;

        (ValueInfoProto Info, int Width)? Cache(NodeProto call, int place) =>
            inputs.TryGetValue(call.Input[place], out var info) && info.Type.TensorType.Shape.Dim is { Count: 4 } shape && shape[1].DimValue > 0 && shape[3].DimValue > 0
                ? (info, (int)(shape[1].DimValue * shape[3].DimValue))
                : null;
    }

    /// <summary>The rows of the values that come last are chosen before the last product, which is the most expensive one of a prompt.</summary>
    private void ChooseLogits()
    {
        var producers = _graph.Node.SelectMany(node => node.Output.Where(name => name.Length > 0).Select(output => (output, node))).ToDictionary(pair => pair.output, pair => pair.node);
        var initializers = _graph.Initializer.Select(tensor => tensor.Name).ToHashSet();
        // Back from the scores to what the last product reads; a bias or a scale may stand behind it.
        var value = Logits;
        for (var passed = false; !passed && producers.TryGetValue(value, out var node) && (IsProduct(node) || node.OpType is "Add" or "Mul" or "Div") && node.Input.Skip(1).All(initializers.Contains); value = node.Input[0])
            passed = IsProduct(node);
        _graph.Input.Add(Info(LogitRows, DataType.Int64, "rows"));
        var chosen = value + " of the chosen tokens";
        var gather = new NodeProto { Name = ChooseTokens, OpType = "Gather", Input = { value, LogitRows }, Output = { chosen }, Attribute = { Int("axis", 1) } };
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
        (node.Domain.Length == 0 && node.OpType == "MatMul") || (node.Domain == MoeFunctions.Domain && MoeFunctions.OpOf(node.OpType) is MoeFunctions.Linear or MoeFunctions.QuantizedLinear);

    private static bool IsAttention(NodeProto node) => node.Domain == MoeFunctions.Domain && MoeFunctions.OpOf(node.OpType) == MoeFunctions.CausalAttention;

    private void Replace(NodeProto call)
    {
        var node = new NodeProto { Name = call.Name, Domain = MoeFunctions.Domain, OpType = PagedAttention, Output = { call.Output[0] } };
        node.Input.Add([call.Input[0], call.Input[1], call.Input[2], call.Input[3], call.Input[4], PageTable, Starts, Past, call.Input[6], call.Input[7], call.Input[8]]);
        node.Attribute.Add(call.Attribute);
        node.Attribute.Add(Int("page_size", _pageSize));
        _graph.Node[_graph.Node.IndexOf(call)] = node;
    }

    private static AttributeProto Int(string name, long value) => new() { Name = name, Type = AttributeProto.Types.AttributeType.Int, I = value };

    private static void Keep<T>(Google.Protobuf.Collections.RepeatedField<T> all, Func<T, bool> keep)
    {
        var kept = all.Where(keep).ToArray();
        all.Clear();
        all.Add(kept);
    }

    private static ValueInfoProto Info(string name, DataType type, params object[] shape) => new()
    {
        Name = name,
        Type = new()
        {
            TensorType = new()
            {
                ElemType = (int)type,
                Shape = new() { Dim = { shape.Select(size => size is int number ? new TensorShapeProto.Types.Dimension { DimValue = number } : new() { DimParam = (string)size }) } },
            },
        },
    };
}
