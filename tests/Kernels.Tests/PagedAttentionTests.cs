using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Kernels.Tests;

public sealed class PagedAttentionTests
{
    [Theory]
    [InlineData(1, 1, 8, 16)]
    [InlineData(4, 4, 64, 16)]
    [InlineData(8, 2, 24, 32)]
    [InlineData(6, 2, 16, 48)]
    [InlineData(14, 2, 128, 16)]
    [InlineData(2, 1, 192, 64)]
    [InlineData(9, 3, 40, 16)]
    public void Any_heads_sizes_and_pages(int heads, int kvHeads, int size, int pageSize) =>
        Agrees(new() { Heads = heads, KvHeads = kvHeads, Size = size, PageSize = pageSize, Lengths = [37, 1, 16, 70] });

    [Theory]
    [InlineData("plain")]
    [InlineData("avx2")]
    [InlineData("avxvnni")]
    [InlineData("avx512")]
    [InlineData("avx512vnni")]
    [InlineData("emulated512")]
    public void Each_instruction_set_agrees_with_the_loop(string name)
    {
        if (!Instructions.Choose(name))
            return;
        try
        {
            foreach (var half in new[] { false, true })
                foreach (var size in new[] { 8, 64, 72 })
                    Agrees(new() { Size = size, Half = half, Lengths = [5, 300, 31] });
        }
        finally
        {
            Instructions.Choose("auto");
        }
    }

    [Fact]
    public void Positions_choose_the_rotation_only() => Agrees(new() { FirstPosition = 11 });

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Keys_and_values_behind_the_queries_give_the_same_bits(int rank)
    {
        using var apart = new PagedSession(new(), rank: rank);
        using var joined = new PagedSession(new() { Joined = true }, rank: rank);
        (int, int, int)[] parts = [(0, 0, 40), (1, 0, 1), (2, 0, 23)];
        Assert.Equal(apart.Step(parts), joined.Step(parts));
    }

    [Fact]
    public void A_leading_one_is_kept()
    {
        var paged = new PagedCase();
        using var flat = new PagedSession(paged);
        using var batched = new PagedSession(paged, rank: 3);
        Assert.Equal(flat.Step((0, 0, 40)), batched.Step((0, 0, 40)));
        Assert.Equal(["query_0", "query_1"], flat.InferredShape);
        Assert.Equal(["query_0", "query_1", "query_2"], batched.InferredShape);
    }

    [Theory]
    [InlineData(4, 4)]
    [InlineData(6, 2)]
    public void The_exporters_standard_ops_give_the_same(int heads, int kvHeads)
    {
        var paged = new PagedCase { Heads = heads, KvHeads = kvHeads, Size = 64, Lengths = [290] };
        using var session = new PagedSession(paged, rank: 3);
        using var standard = new KernelSession(new CausalAttentionModel(heads, kvHeads).Bytes(), kernels: false);
        var (_, expected) = standard.Run(session.Inputs([(0, 0, 290)]));
        Near.Assert(Array.ConvertAll(expected, v => (double)v), session.Step((0, 0, 290))[0]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_prompt_in_chunks_gets_the_bits_of_the_whole(bool half)
    {
        var paged = new PagedCase { Lengths = [600], Half = half, Size = 32 };
        using var whole = new PagedSession(paged);
        var expected = whole.Step((0, 0, 600))[0];
        foreach (var chunk in new[] { 1, 7, 64, 257 })
        {
            using var session = new PagedSession(paged);
            var steps = Enumerable.Range(0, (600 + chunk - 1) / chunk).SelectMany(i => session.Step((0, i * chunk, Math.Min(600, (i + 1) * chunk)))[0]);
            Assert.Equal(expected, steps);
            Assert.Equal(whole.CacheBytes(), session.CacheBytes());
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_token_gets_the_same_bits_in_any_company(bool half)
    {
        var paged = new PagedCase { Lengths = [300, 1, 90, 513], Half = half, Heads = 6 };
        using var together = new PagedSession(paged);
        var prompts = together.Step((3, 0, 512), (0, 0, 250), (2, 0, 60));
        var mixed = together.Step((0, 250, 299), (1, 0, 0), (3, 512, 513), (2, 60, 90));
        using var alone = new PagedSession(paged, threads: 1);
        Assert.Equal(prompts[0], alone.Step((3, 0, 512))[0]);
        Assert.Equal(prompts[1], alone.Step((0, 0, 250))[0]);
        Assert.Equal(prompts[2], alone.Step((2, 0, 60))[0]);
        Assert.Equal(mixed[0], alone.Step((0, 250, 299))[0]);
        Assert.Empty(mixed[1]);
        Assert.Equal(mixed[2], alone.Step((3, 512, 513))[0]);
        Assert.Equal(mixed[3], alone.Step((2, 60, 90))[0]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_long_context_is_shared_among_threads_without_another_sum(bool half)
    {
        // Alone, the last token is so much work for so few heads that its splits are cut into pieces; at the end of a prompt it is not.
        var paged = new PagedCase { Lengths = [3000], Heads = 2, KvHeads = 1, Size = 64, Half = half };
        using var whole = new PagedSession(paged);
        var expected = whole.Step((0, 0, 3000))[0][^(4 * 128)..];
        Close(paged.Reference(0, from: 2996), expected, half);
        using var pieces = new PagedSession(paged);
        pieces.Step((0, 0, 2996));
        Assert.Equal(expected, pieces.Step((0, 2996, 2999)).Concat(pieces.Step((0, 2999, 3000))).SelectMany(y => y));
    }

    [Fact]
    public void Sequences_share_the_pages_of_a_common_beginning()
    {
        var paged = new PagedCase { Lengths = [50, 60], Shared = (1, 0, 48) };
        using var session = new PagedSession(paged);
        session.Step((0, 0, 50));
        Close(paged.Reference(1, from: 48), session.Step((1, 48, 60))[0]);
        // Both grow in one step, each in a page of its own.
        using var again = new PagedSession(paged);
        again.Step((0, 0, 48));
        var grown = again.Step((0, 48, 50), (1, 48, 60));
        Close(paged.Reference(0, from: 48), grown[0]);
        Close(paged.Reference(1, from: 48), grown[1]);
    }

    [Fact]
    public void Many_sequences_decode_together()
    {
        var paged = new PagedCase { Lengths = [.. Enumerable.Range(0, 64).Select(i => 3 + i * 5)], Heads = 8, KvHeads = 4 };
        using var session = new PagedSession(paged);
        session.Step([.. Enumerable.Range(0, 64).Select(i => (i, 0, paged.Lengths[i] - 1))]);
        var last = session.Step([.. Enumerable.Range(0, 64).Select(i => (i, paged.Lengths[i] - 1, paged.Lengths[i]))]);
        for (var i = 0; i < 64; i++)
            Close(paged.Reference(i, from: paged.Lengths[i] - 1), last[i]);
    }

    [Fact]
    public void No_token_gives_nothing()
    {
        using var session = new PagedSession(new());
        Assert.Empty(session.Step((0, 0, 0), (1, 0, 0)).SelectMany(y => y));
    }

    public static TheoryData<string, string, HostTensor> Mistakes() => new()
    {
        { "page_table[1,1] is 9, but the caches have the pages 0..7", "page_table", HostTensor.From([0, 1, 2, -1, 3, 9, -1, -1], 2, 4) },
        { "page_table[0,2] is -1, but the caches have the pages 0..7", "page_table", HostTensor.From([0, 1, -1, -1, 3, 4, -1, -1], 2, 4) },
        { "page_table[0,1] and page_table[1,0] are both page 1, and new tokens go into both: only pages that are full may be shared", "page_table", HostTensor.From([0, 1, 2, -1, 1, 4, -1, -1], 2, 4) },
        { "sequence 0 has 40 tokens, but page_table has room for 2 pages of 16", "page_table", HostTensor.From([0, 1, 2, 3], 2, 2) },
        { "starts[0] is 1, but must be 0", "starts", HostTensor.Vector(1, 40, 63) },
        { "starts[2] is 39, less than starts[1] = 40: starts must ascend", "starts", HostTensor.Vector(0, 40, 39) },
        { "starts[2] is 62, but must be the number of tokens, 63", "starts", HostTensor.Vector(0, 40, 62) },
        { "starts has the shape [2], but must be [S+1] = [3]", "starts", HostTensor.Vector(0, 63) },
        { "past[1] is -1, but must not be negative", "past", HostTensor.Vector(0, -1) },
        { "sequence 1 has 65 tokens, but page_table has room for 4 pages of 16", "past", HostTensor.Vector(0, 42) },
        { "positions[62] is 40, but cos and sin have the rows 0..39", "positions", HostTensor.Vector([.. new long[62], 40]) },
        { "positions[3] is -1, but cos and sin have the rows 0..39", "positions", HostTensor.Vector([0, 0, 0, -1, .. new long[59]]) },
        { "query has the shape [63,48], but must be [N,H*d] or [1,N,H*d] with H = 4 heads of a size d that is a multiple of 8", "query", HostTensor.From(new float[63 * 48], 63, 48) },
        { "key has the shape [62,32], but must be [N,KV*d] = [63,32]", "key", HostTensor.From(new float[62 * 32], 62, 32) },
        { "value has the shape [63,64], but must be [N,KV*d] = [63,32]", "value", HostTensor.From(new float[63 * 64], 63, 64) },
        { "cos has the shape [40,4], but must be [L,d/2] = [-1,8]", "cos", HostTensor.From(new float[40 * 4], 40, 4) },
        { "sin has the shape [39,8], but must be [L,d/2] = [40,8]", "sin", HostTensor.From(new float[39 * 8], 39, 8) },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void Mistakes_are_named_before_anything_is_written(string message, string input, HostTensor wrong)
    {
        using var session = new PagedSession(new() { Lengths = [40, 23] });
        var before = session.CacheBytes();
        var inputs = session.Inputs([(0, 0, 40), (1, 0, 23)]);
        var error = Assert.Throws<OnnxRuntimeException>(() => session.Run([.. inputs.Select(i => i.Name == input ? (i.Name, wrong) : i)]));
        Assert.Contains($"PagedAttention 'node': {message}", error.Message);
        Assert.Equal(before, session.CacheBytes());
    }

    [Fact]
    public void One_sequence_may_not_name_a_page_twice_for_new_tokens()
    {
        using var session = new PagedSession(new() { Lengths = [40, 23] });
        var inputs = session.Inputs([(0, 0, 40), (1, 0, 23)]);
        var table = HostTensor.From([0, 1, 0, -1, 3, 4, -1, -1], 2, 4);
        var error = Assert.Throws<OnnxRuntimeException>(() => session.Run([.. inputs.Select(i => i.Name == "page_table" ? (i.Name, table) : i)]));
        Assert.Contains("page_table[0,0] and page_table[0,2] are both page 0", error.Message);
    }

    [Fact]
    public void Wrong_attributes_and_constant_caches_are_refused_at_load()
    {
        using var session = new PagedSession(new());
        var inputs = session.Inputs([(0, 0, 1)]);
        void Refuses(string message, PagedCase paged, params string[] constants)
        {
            var error = Assert.Throws<OnnxRuntimeException>(() => new KernelSession(PagedSession.Model(paged, inputs, constants)));
            Assert.Contains($"PagedAttention 'node': {message}", error.Message);
        }
        Refuses("num_heads is 3 and kv_num_heads 2, but num_heads must be a positive multiple of kv_num_heads", new() { Heads = 3, KvHeads = 2 });
        Refuses("page_size is 24, but must be a positive multiple of 16", new() { PageSize = 24 });
        Refuses("value_cache is a constant of the model, but must be fed: the op writes into it", new(), "value_cache");
    }

    /// <summary>All sequences: prompts but for a last token, then the last tokens.</summary>
    private static void Agrees(PagedCase paged)
    {
        using var session = new PagedSession(paged);
        var sequences = Enumerable.Range(0, paged.Lengths.Length);
        var prompts = session.Step([.. sequences.Select(s => (s, 0, paged.Lengths[s] - 1))]);
        var last = session.Step([.. sequences.Select(s => (s, paged.Lengths[s] - 1, paged.Lengths[s]))]);
        foreach (var s in sequences)
            Close(paged.Reference(s), [.. prompts[s], .. last[s]], paged.Half);
    }

    /// <summary>A key that is rounded to another half than the reference's changes a result by less than one part in a thousand.</summary>
    private static void Close(double[] expected, float[] actual, bool half = false)
    {
        if (!half)
        {
            Near.Assert(expected, actual);
            return;
        }
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.InRange(pair.Second - pair.First, -1e-3, 1e-3));
    }
}
