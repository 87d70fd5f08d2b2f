using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Serving.ExpertParallel;
using OnnxMoe.Serving.Sessions;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.ExpertParallel;

public sealed class ReplacementTests
{
    private static readonly Device Cpu = new(null);

    [Fact]
    public void StepsGoOnAcrossAReplacement()
    {
        using var scratch = new Scratch();
        MoeModel.Write(scratch.Folder);
        using var cut = Open(scratch);
        using var whole = new WholeGraph(SessionFactory.Open(scratch.PathOf("model.onnx"), Cpu, 1, null), Cpu);
        var (many, one) = (Session(cut, scratch), Session(whole, scratch));
        using var cache = many.NewCache(1);
        using var right = one.NewCache(1);
        for (var step = 0; step < 6; step++)
        {
            var sent = Sent(cut);
            using (var expected = one.Forward([40 + step], right))
            using (var found = many.Forward([new ModelStep([40 + step], cache) { Request = 1 }])[0].Value())
                AssertClose(expected.Logits(0, 0), found.Logits(0, 0));
            // All experts at home (device 1): nothing is sent. All elsewhere but one: each of the three passes sends the token once, since it meets two.
            Assert.Equal(step % 2 == 0 ? 0 : 3, Sent(cut) - sent);
            cut.Replace(At(step % 2));
        }
    }

    [Fact]
    public async Task StepsUnderWayKeepTheirExperts()
    {
        using var scratch = new Scratch();
        MoeModel.Write(scratch.Folder);
        using var cut = Open(scratch);
        var model = Session(cut, scratch);
        float[] Logits(KeyValueCache cache, int token)
        {
            using var result = model.Forward([new ModelStep([token], cache) { Request = 1 }])[0].Value();
            return result.Logits(0, 0).ToArray();
        }
        using var first = model.NewCache(1);
        var expected = Enumerable.Range(0, 80).Select(token => Logits(first, token)).ToArray();

        using var stop = new CancellationTokenSource();
        var replaced = 0;
        var replacing = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
                cut.Replace(MoeModel.Plan(2, 3, replaced++));
        });
        do
        {
            using var cache = model.NewCache(1);
            for (var token = 0; token < expected.Length; token++)
                AssertClose(expected[token], Logits(cache, token));
        }
        while (Volatile.Read(ref replaced) < 3);
        await stop.CancelAsync();
        await replacing;
    }

    [Fact]
    public void APlanThatDoesNotFitChangesNothing()
    {
        using var scratch = new Scratch();
        MoeModel.Write(scratch.Folder);
        using var cut = Open(scratch);
        var plan = cut.Plan;
        Assert.Contains("plan is for 4 devices", Assert.Throws<UserError>(() => cut.Replace(MoeModel.Plan(4, 0, 1))).Message);
        Assert.Same(plan, cut.Plan);
        using var cache = Session(cut, scratch).NewCache(1);
        Session(cut, scratch).Forward([1], cache).Dispose();
    }

    /// <summary>All experts on one of two devices; the other has a copy of one.</summary>
    private static PlacementPlan At(int device)
    {
        int[] all = [.. Enumerable.Range(0, MoeModel.Experts)];
        var plan = MoeModel.Plan(2, 0, 1);
        return plan with { Layers = [.. plan.Layers.Select(layer => layer with { Devices = device == 1 ? [[0], all] : [all, [0]] })] };
    }

    private static CutGraph Open(Scratch scratch) => new(new CutFile(scratch.PathOf("model.onnx"), 1, null), At(1), [Cpu, Cpu], Timeout.InfiniteTimeSpan);

    private static LanguageModelSession Session(IModelGraph graph, Scratch scratch) => new(graph, ModelManifest.Load(scratch.Folder).LanguageModel!);

    private static long Sent(CutGraph cut) => cut.Traffic.Read().Sum(layer => layer.Total);

    private static void AssertClose(ReadOnlySpan<float> expected, ReadOnlySpan<float> found)
    {
        for (var i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], found[i], 1e-5f);
    }
}
