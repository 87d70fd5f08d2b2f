using Onnx;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Serving.Sessions;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Serving.Paging;

/// <summary>Attention by the native kernel, which finds the pages by itself and gives a token the same bits in any company.</summary>
internal sealed class NativeAttention(int pageSize) : PagedAttention(pageSize)
{
    /// <summary>The kernel's operator.</summary>
    public const string Op = "PagedAttention";

    private const string PageTable = "page_table"; // [S, pages of the longest]: the pages of each sequence
    private const string Starts = "sequence_starts"; // [S + 1]: where the tokens of each sequence begin, and the end
    private const string Past = "past_lengths"; // [S]: tokens of each sequence that its pages hold already

    /// <inheritdoc/>
    public override string Name => "native pages";

    /// <inheritdoc/>
    public override IEnumerable<ValueInfoProto> Inputs =>
        [GraphParts.Info(PageTable, DataType.Int32, "sequences", "longest"), GraphParts.Info(Starts, DataType.Int32, "boundaries"), GraphParts.Info(Past, DataType.Int32, "sequences")];

    /// <inheritdoc/>
    public override void Replace(GraphProto graph, AttentionCall call, ElementType type)
    {
        var inputs = call.Node.Input;
        graph.Node[graph.Node.IndexOf(call.Node)] = new NodeProto
        {
            Name = call.Node.Name,
            Domain = MoeFunctions.Domain,
            OpType = Op,
            Input = { inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], PageTable, Starts, Past, call.Positions, inputs[7], inputs[8] },
            Output = { call.Node.Output[0] },
            Attribute = { GraphParts.Int("num_heads", call.Heads), GraphParts.Int("kv_num_heads", call.Keys.Heads), GraphParts.Int("page_size", PageSize) },
        };
    }

    /// <inheritdoc/>
    public override long[] ShapeOf(PagedTensor cache, long pages) => [pages, (long)PageSize * cache.Width];

    /// <inheritdoc/>
    public override string? OutputOf(PagedTensor cache) => null;

    /// <summary>All of them: no token of a run costs another anything.</summary>
    public override IEnumerable<(int Index, ModelStep Item)[]> RunsOf(IEnumerable<(int Index, ModelStep Item)> steps) => [[.. steps]];

    /// <inheritdoc/>
    public override void SetInputs(IReadOnlyList<ModelStep> steps, InputTensors tensors)
    {
        var longest = steps.Max(step => PagesOf(step).Count);
        var (table, starts, past) = (new int[steps.Count * longest], new int[steps.Count + 1], new int[steps.Count]);
        for (var i = 0; i < steps.Count; i++)
        {
            for (var page = 0; page < PagesOf(steps[i]).Count; page++)
                table[i * longest + page] = PagesOf(steps[i])[page];
            past[i] = steps[i].Cache.Length;
            starts[i + 1] = starts[i] + steps[i].Tokens.Length;
        }
        tensors.Set(PageTable, table, steps.Count, longest);
        tensors.Set(Starts, starts, starts.Length);
        tensors.Set(Past, past, past.Length);
    }
}
