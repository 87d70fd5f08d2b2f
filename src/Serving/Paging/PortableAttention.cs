using System.Numerics;
using Onnx;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Serving.Sessions;
using static Onnx.TensorProto.Types;

namespace OnnxMoe.Serving.Paging;

/// <summary>
/// Attention over pages in standard ONNX operators, which every execution provider has: new keys and values are scattered into the pages of their sequences,
/// each sequence's pages are gathered into a row, as long as the longest needs, and so are its queries. A cache is an input and an output in the same
/// memory, so that scattering copies nothing else (ONNX Runtime's ScatterND leaves out the copy then).
/// </summary>
/// <remarks>The memory of a cache is [pages * heads, tokens of a page, head size], so that gathering pages gives heads without a transposition.</remarks>
internal sealed class PortableAttention(int pageSize) : PagedAttention(pageSize)
{
    private const string QueryRows = "query_rows"; // [S, Q]: the token that is each query of each sequence; its last one where it has fewer
    private const string TokenPlaces = "token_places"; // [N]: where a token is among the S * Q queries
    private const string WriteRows = "write_rows"; // [W]: the tokens to keep
    private const string Columns = "cache_columns"; // [L]: 0, 1, ... up to the longest sequence in whole pages
    private const float Unseen = -1e30f; // added to the score of a token that must not be seen: exp of it is zero

    /// <summary>Pages that may be read in vain in any case before steps are kept apart: what a run of its own costs.</summary>
    private const int SparePages = 64;

    private readonly SortedSet<int> _heads = []; // of the caches
    private readonly Dictionary<string, string> _shared = []; // what several attentions read, by what it is
    private GraphProto _graph = null!;
    private int _place; // of the next node

    /// <inheritdoc/>
    public override string Name => "portable pages";

    /// <inheritdoc/>
    public override IEnumerable<ValueInfoProto> Inputs =>
    [
        GraphParts.Info(QueryRows, DataType.Int64, "sequences", "queries"), GraphParts.Info(TokenPlaces, DataType.Int64, "tokens"),
        GraphParts.Info(WriteRows, DataType.Int64, "written"), GraphParts.Info(Columns, DataType.Int64, "columns"),
        .. _heads.SelectMany(heads => (ValueInfoProto[])
            [GraphParts.Info(PageRows(heads), DataType.Int64, "sequences", heads, "longest"), GraphParts.Info(WriteSlots(heads), DataType.Int64, $"written of {heads}", 2)]),
    ];

    /// <inheritdoc/>
    public override void Replace(GraphProto graph, AttentionCall call, ElementType type)
    {
        var (node, keys, values) = (call.Node, call.Keys, call.Values);
        (_graph, _place) = (graph, graph.Node.IndexOf(node));
        _heads.UnionWith([keys.Heads, values.Heads]);
        graph.Node.RemoveAt(_place);
        var (cosine, sine) = Angles(call);

        var stored = Store(Rotate(node.Input[1], keys.Heads, "key"), 0, keys);
        var kept = Store(node.Input[2], 1, values);
        var query = Op("Gather", "queries", [Rotate(node.Input[0], call.Heads, "query"), QueryRows]); // [S, Q, heads, size]
        query = Reshape(Transpose(query, "queries by head", 0, 2, 1, 3), "queries by key head", 0, keys.Heads, -1, keys.HeadSize); // [S, key heads, group * Q, size]
        query = Op("Mul", "scaled queries", [query, Constant(GraphParts.Number($"scale of {keys.HeadSize}", 1 / MathF.Sqrt(keys.HeadSize)))]);
        var scores = Op("MatMul", "scores", [query, Transpose(Load(stored, keys), "keys of all", 0, 1, 3, 2)]);
        var weights = Op("Softmax", "weights", [Op("Add", "seen scores", [scores, Bias(call)])], GraphParts.Int("axis", -1));
        var mixed = Reshape(Op("MatMul", "mixed", [weights, Load(kept, values)]), "mixed by head", 0, call.Heads, -1, values.HeadSize);
        mixed = Reshape(Transpose(mixed, "mixed by query", 0, 2, 1, 3), "mixed of all", 1, -1, (long)call.Heads * values.HeadSize); // [1, S * Q, D]
        Put(new() { Name = node.Name, OpType = "Gather", Input = { mixed, TokenPlaces }, Output = { node.Output[0] }, Attribute = { GraphParts.Int("axis", 1) } });

        // The two halves of a head are the two coordinates of a rotation; [N, heads, size]
        string Rotate(string x, int heads, string what)
        {
            var rows = Reshape(x, $"{what} heads", -1, heads, keys.HeadSize);
            var halves = new NodeProto
            {
                Name = NameOf($"{what} halves"),
                OpType = "Split",
                Input = { rows, Constant(GraphParts.Row($"halves of {keys.HeadSize}", keys.HeadSize / 2, keys.HeadSize / 2)) },
                Output = { NameOf($"{what} first half"), NameOf($"{what} second half") },
                Attribute = { GraphParts.Int("axis", -1) },
            };
            Put(halves);
            var swapped = Op("Concat", $"{what} swapped", [halves.Output[1], halves.Output[0]], GraphParts.Int("axis", -1));
            return Op("Add", $"{what} rotated", [Op("Mul", $"{what} cosine", [rows, cosine]), Op("Mul", $"{what} sine", [swapped, sine])]);
        }

        // The cache with the new tokens.
        string Store(string rows, int axis, PagedTensor cache)
        {
            var chosen = Op("Gather", $"{cache.Name} chosen", [rows, WriteRows], GraphParts.Int("axis", axis));
            var updates = Cast(Reshape(chosen, $"{cache.Name} rows", -1, cache.HeadSize), $"{cache.Name} stored", type);
            Put(new() { Name = NameOf($"{cache.Name} written"), OpType = "ScatterND", Input = { cache.Name, WriteSlots(cache.Heads), updates }, Output = { OutputOf(cache) } });
            return OutputOf(cache)!;
        }

        // What the sequences' pages hold: [S, heads, L, size]
        string Load(string stored, PagedTensor cache)
        {
            var pages = Op("Gather", $"{cache.Name} pages", [stored, PageRows(cache.Heads)]); // [S, heads, pages, tokens of a page, size]
            return Cast(Reshape(pages, $"{cache.Name} read", 0, 0, -1, cache.HeadSize), $"{cache.Name} numbers", ElementType.Float);
        }

        string Cast(string x, string name, ElementType to) => type == ElementType.Float ? x : Op("Cast", name, [x], GraphParts.Int("to", (long)to));
        string Transpose(string x, string name, params long[] axes) => Op("Transpose", name, [x], GraphParts.Ints("perm", axes));
        string Reshape(string x, string name, params long[] shape) => Op("Reshape", name, [x, Constant(GraphParts.Row($"shape {string.Join(',', shape)}", shape))]);
        string Op(string op, string name, string[] inputs, params AttributeProto[] attributes) => Append(op, NameOf(name), inputs, attributes);
        string NameOf(string part) => $"{node.Output[0]}/{part}";
    }

    /// <inheritdoc/>
    public override long[] ShapeOf(PagedTensor cache, long pages) => [pages * cache.Heads, PageSize, cache.HeadSize];

    /// <inheritdoc/>
    public override string? OutputOf(PagedTensor cache) => cache.Name + " after";

    /// <summary>
    /// Those with about as many tokens, since all are filled up to the longest; and of these such as have about as much behind them, unless all are short.
    /// </summary>
    public override IEnumerable<(int Index, ModelStep Item)[]> RunsOf(IEnumerable<(int Index, ModelStep Item)> steps)
    {
        foreach (var alike in steps.GroupBy(step => BitOperations.Log2((uint)step.Item.Tokens.Length)))
        {
            var (run, used) = (new List<(int, ModelStep)>(), 0);
            foreach (var step in alike.OrderBy(step => PagesOf(step.Item).Count))
            {
                var pages = PagesOf(step.Item).Count;
                if ((run.Count + 1) * pages > 2 * (used + pages) + SparePages)
                {
                    yield return [.. run];
                    (run, used) = ([], 0);
                }
                run.Add(step);
                used += pages;
            }
            yield return [.. run];
        }
    }

    /// <inheritdoc/>
    public override void SetInputs(IReadOnlyList<ModelStep> steps, InputTensors tensors)
    {
        int PagesIn(ModelStep step) => (step.Cache.Length + step.Tokens.Length + PageSize - 1) / PageSize;
        var (queries, longest) = (steps.Max(step => step.Tokens.Length), steps.Max(PagesIn));
        var (queryRows, places, pages) = (new long[steps.Count * queries], new List<long>(), new long[steps.Count * longest]);
        var (rows, slots) = (new List<long>(), new List<(long Page, long Place)>());
        for (var (i, first) = (0, 0); i < steps.Count; first += steps[i++].Tokens.Length)
        {
            var (past, count, own) = (steps[i].Cache.Length, steps[i].Tokens.Length, PagesOf(steps[i]));
            places.AddRange(Enumerable.Range(i * queries, count).Select(place => (long)place));
            for (var query = 0; query < queries; query++)
                queryRows[i * queries + query] = first + Math.Min(query, count - 1);
            for (var page = 0; page < longest; page++)
                pages[i * longest + page] = own[page < PagesIn(steps[i]) ? page : 0];
            // A page that begins now is filled to its end: what is read of it must not be what another sequence left there, which could be no number.
            var begins = (PagesIn(steps[i]) - 1) * PageSize >= past;
            var end = begins ? PagesIn(steps[i]) * PageSize : past + count;
            for (var slot = past; slot < end; slot++)
            {
                rows.Add(first + Math.Min(slot - past, count - 1));
                slots.Add((own[slot / PageSize], slot % PageSize));
            }
        }
        tensors.Set(QueryRows, queryRows, steps.Count, queries);
        tensors.Set(TokenPlaces, places.ToArray(), places.Count);
        tensors.Set(WriteRows, rows.ToArray(), rows.Count);
        tensors.Set(Columns, [.. Enumerable.Range(0, longest * PageSize).Select(column => (long)column)], (long)longest * PageSize);
        foreach (var heads in _heads)
        {
            tensors.Set(PageRows(heads), RowsOf(pages, steps.Count, heads), steps.Count, heads, longest);
            tensors.Set(WriteSlots(heads), SlotsOf(slots, heads), (long)slots.Count * heads, 2);
        }
    }

    /// <summary>The rows of a cache's memory that pages [S, P] are: [S, heads, P].</summary>
    private static long[] RowsOf(long[] pages, int sequences, int heads)
    {
        var (rows, count) = (new long[pages.Length * heads], pages.Length / sequences);
        for (var i = 0; i < rows.Length; i++)
            rows[i] = pages[i / (heads * count) * count + i % count] * heads + i / count % heads;
        return rows;
    }

    /// <summary>Row and place of each head of slots [W]: [W * heads, 2].</summary>
    private static long[] SlotsOf(List<(long Page, long Place)> slots, int heads)
    {
        var places = new long[slots.Count * heads * 2];
        for (var i = 0; i < slots.Count * heads; i++)
            (places[2 * i], places[2 * i + 1]) = (slots[i / heads].Page * heads + i % heads, slots[i / heads].Place);
        return places;
    }

    private static string PageRows(int heads) => $"page_rows.{heads}"; // [S, heads, pages of the longest]: rows of the memory of a cache with so many heads

    private static string WriteSlots(int heads) => $"write_slots.{heads}"; // [W * heads, 2]: where in that memory the kept tokens go: row, and place in the page

    /// <summary>Cosines and sines [N, 1, head size] of each token's position: x * cosine + swapped halves of x * sine is the rotated x.</summary>
    private (string Cosine, string Sine) Angles(AttentionCall call)
    {
        var (cos, sin) = (call.Node.Input[7], call.Node.Input[8]);
        var positions = Positions(call);
        return (Table(cos, "cosine", (half, _) => half), Table(sin, "sine", (_, name) => Append("Neg", $"{name}/first half", [name])));

        string Table(string table, string what, Func<string, string, string> first) => Shared($"{what} of {table} at {call.Positions}", name =>
        {
            var half = Append("Gather", $"{name}/half", [table, positions]);
            var whole = Append("Concat", $"{name}/whole", [first(half, half), half], GraphParts.Int("axis", -1));
            return Append("Reshape", name, [whole, Constant(GraphParts.Row($"shape -1,1,{call.Keys.HeadSize}", -1, 1, call.Keys.HeadSize))]);
        });
    }

    /// <summary>What is added to scores: 0 where a query may look, else <see cref="Unseen"/>; [S, 1, group * Q, L]</summary>
    private string Bias(AttentionCall call)
    {
        var group = call.Heads / call.Keys.Heads;
        var positions = Positions(call);
        var rows = Shared($"query positions of {call.Positions}", name =>
        {
            var padded = Append("Gather", $"{name}/padded", [positions, QueryRows]); // [S, Q]
            return Append("Unsqueeze", name, [padded, Constant(GraphParts.Row("axes 1,3", 1, 3))]); // [S, 1, Q, 1]
        });
        return Shared($"bias of {group} at {call.Positions}", name =>
        {
            if (group > 1)
                rows = Append("Concat", $"{name}/group", [.. Enumerable.Repeat(rows, group)], GraphParts.Int("axis", 2));
            var seen = Append("LessOrEqual", $"{name}/seen", [Columns, rows]);
            return Append("Where", name, [seen, Constant(GraphParts.Number("seen", 0)), Constant(GraphParts.Number("unseen", Unseen))]);
        });
    }

    /// <summary>Positions of the tokens [N].</summary>
    private string Positions(AttentionCall call) =>
        Shared($"flat {call.Positions}", name => Append("Reshape", name, [call.Positions, Constant(GraphParts.Row("shape -1", -1))]));

    private string Shared(string what, Func<string, string> make) => _shared.TryGetValue(what, out var name) ? name : _shared[what] = make($"pages/{what}");

    private string Constant(TensorProto tensor)
    {
        tensor.Name = $"pages/{tensor.Name}";
        if (_graph.Initializer.All(other => other.Name != tensor.Name))
            _graph.Initializer.Add(tensor);
        return tensor.Name;
    }

    private string Append(string op, string name, string[] inputs, params AttributeProto[] attributes)
    {
        Put(new() { Name = name, OpType = op, Input = { inputs }, Output = { name }, Attribute = { attributes } });
        return name;
    }

    private void Put(NodeProto node) => _graph.Node.Insert(_place++, node);
}
