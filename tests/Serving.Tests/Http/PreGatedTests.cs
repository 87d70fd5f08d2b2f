using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Serving.Sessions;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

/// <summary>Models whose router runs ahead: what they answer, in which order their steps run, and what is refused.</summary>
public sealed class PreGatedTests
{
    private const string Completions = "/v1/completions";

    private static Task<Served> ServeAsync(Action<ServeOptions>? set = null, int context = 96, long offset = 0) =>
        Served.StartAsync(folder => PreGatedModel.Write(folder, context, offset), set);

    private static string Request(string prompt, int tokens) =>
        $$"""{"prompt":{{prompt}},"max_tokens":{{tokens}},"temperature":0,"ignore_eos":true,"return_token_ids":true}""";

    private static long[] Tokens(JsonNode answer, int choice = 0) => [.. answer["choices"]![choice]!["token_ids"]!.AsArray().Select(id => (long)id!)];

    /// <summary>The greedy continuation, computed without a server, a cache or a router.</summary>
    private static long[] Continuation(string folder, string prompt, int count)
    {
        using var session = SessionFactory.Open(Path.Combine(folder, "model.onnx"), new Device(null), 1, null);
        var model = new LanguageModelSession(session, ModelManifest.Load(folder).LanguageModel!, new Device(null));
        List<long> tokens = [.. prompt.Select(c => (long)c)];
        for (var i = 0; i < count; i++)
        {
            using var cache = model.NewCache(1);
            using var result = model.Forward(tokens.ToArray(), cache, expertIds: [.. PreGatedModel.ExpertsOf(tokens).Select(expert => (long)expert)]);
            var scores = result.Logits(0, tokens.Count - 1).ToArray();
            tokens.Add(Array.IndexOf(scores, scores.Max()));
        }
        return [.. tokens.Skip(prompt.Length)];
    }

    [Fact]
    public async Task EachTokenMeetsTheExpertThatTheRouterChoseForIt()
    {
        await using var served = await ServeAsync(options => (options.Slots, options.MaxAge) = (5, 1));
        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => served.AnswerAsync(Completions, Request($"\"prompt {i}\"", 5 + i % 9))));
        for (var i = 0; i < 40; i++)
            Assert.Equal(Continuation(served.Folder, $"prompt {i}", 5 + i % 9), Tokens(answers[i]));
    }

    /// <summary>The steps of requests, as the trace has them: the experts of each.</summary>
    private static async Task<(int[][] Steps, double Uses, double Misses)> StepsAsync(string prompts, int tokens, string policy)
    {
        using var copy = new Scratch();
        await using var served = await ServeAsync(options => (options.Trace, options.ExpertSlots, options.ExpertPolicy) = ("on", 2, policy));
        await served.AnswerAsync(Completions, Request(prompts, tokens));
        var (hits, misses) = (await served.MetricAsync("onnxmoe_expert_cache_hits_total"), await served.MetricAsync("onnxmoe_expert_cache_misses_total"));
        await served.Server.DisposeAsync();
        using var reader = new RoutingTraceReader(Path.Combine(served.Folder, "trace-serve.bin"));
        return ([.. reader.Frames().Select(frame => frame.Ids[0].ToArray())], hits + misses, misses);
    }

    [Fact]
    public async Task StepsOfOneExpertFollowEachOtherAndTheLargestGroupComesFirst()
    {
        // 8 prompts of a byte each take part in each of 12 rounds.
        var (steps, uses, _) = await StepsAsync("[[0],[1],[2],[1],[4],[5],[6],[1]]", 12, "belady");
        Assert.Equal(8 * 12, steps.Length);
        Assert.Equal([1, 1, 1, 1, 0, 0, 2, 2], steps.Take(8).Select(step => step.Single()));
        var rounds = steps.Chunk(8).Select(round => round.Select(step => step.Single()).ToArray()).ToArray();
        foreach (var round in rounds)
        {
            var groups = round.GroupBy(expert => expert).OrderByDescending(group => group.Count()).ThenBy(group => group.Key);
            Assert.Equal(groups.SelectMany(group => group), round);
        }
        Assert.Equal(rounds.Sum(round => round.Distinct().Count()), uses);
    }

    [Fact]
    public async Task TheWatchedCacheMissesLessWhenItsPolicyKnowsWhatWaits()
    {
        const string Prompts = "[[3],[1],[2],[7],[4],[5],[6],[8],[12],[9],[20],[33]]";
        var (_, uses, lru) = await StepsAsync(Prompts, 30, "lru");
        var (_, same, belady) = await StepsAsync(Prompts, 30, "belady");
        Assert.Equal(uses, same);
        Assert.InRange(belady, 4, lru - 1);
    }

    [Fact]
    public async Task AClientThatLeavesTheQueueIsForgotten()
    {
        await using var served = await ServeAsync(options => options.Slots = 1, 200_000);
        var stream = await served.BeginStreamAsync(Completions, """{"prompt":"a","max_tokens":199990,"ignore_eos":true,"stream":true}""");
        using var leave = new CancellationTokenSource();
        var waiting = served.Client.PostAsync(Completions, new StringContent(Request("\"b\"", 5)), leave.Token);
        var staying = served.AnswerAsync(Completions, Request("\"c\"", 5));
        while (served.Server.Model.Language!.Engine.Waiting < 2)
            await Task.Delay(5);
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        stream.Dispose();
        Assert.Equal(Continuation(served.Folder, "c", 5), Tokens(await staying));
    }

    [Fact]
    public async Task ARouterThatChoosesAnExpertThatDoesNotExistFailsTheRequestAlone()
    {
        await using var served = await ServeAsync(offset: 1);
        var (status, answer, _) = await served.PostAsync(Completions, Request("[3]", 1)); // expert 4
        Assert.Equal((500, "internal_error"), (status, (string)answer["error"]!["code"]!));
        await served.AnswerAsync(Completions, Request("[4]", 1));
        Assert.Equal(0, served.Server.Model.Language!.Engine.Running + served.Server.Model.Language!.Engine.Waiting);
    }

    [Fact]
    public async Task AnOrdinaryModelsCacheIsWatchedLayerByLayer()
    {
        await using var served = await Served.RandomAsync(options => options.ExpertSlots = 2);
        await served.AnswerAsync(Completions, """{"prompt":"a","max_tokens":9,"ignore_eos":true}""");
        Assert.Equal(9 * TinyModel.ExpertsPerToken, await served.MetricAsync("onnxmoe_expert_cache_hits_total") + await served.MetricAsync("onnxmoe_expert_cache_misses_total"));
    }

    private static async Task<string> RefusalOf(Action<string> write, Action<ServeOptions>? set = null)
    {
        var refusal = await Assert.ThrowsAsync<UserError>(() => Served.StartAsync(write, set));
        Assert.DoesNotContain('\n', refusal.Message);
        return refusal.Message;
    }

    private static Action<string> Damaged(Func<string, ModelManifest, ModelManifest> damage) => folder =>
    {
        PreGatedModel.Write(folder);
        damage(folder, ModelManifest.Load(folder)).Save(folder);
    };

    [Fact]
    public async Task BeladyWithoutARouterThatRunsAheadIsRefusedAndLruNamed()
    {
        var message = await RefusalOf(folder => TinyModel.WriteRandom(folder), options => options.ExpertPolicy = "belady");
        Assert.Equal("Serve:ExpertPolicy is belady, but the layers of tiny choose experts while they run, so the future it needs is not known; use lru.", message);
    }

    [Fact]
    public async Task AModelThatNeedsExpertIdsIsRefusedWithoutARouter() =>
        Assert.Contains("needs 'expert_ids', but manifest.json names no router", await RefusalOf(Damaged((_, manifest) => manifest with { PreGate = null })));

    [Fact]
    public async Task ARouterForAModelThatTakesNoExpertIdsIsRefused() =>
        Assert.Contains("names the router model.onnx, but model.onnx has no input 'expert_ids'", await RefusalOf(folder =>
        {
            TinyModel.WriteRandom(folder);
            (ModelManifest.Load(folder) with { PreGate = new PreGate("model.onnx", 4) }).Save(folder);
        }));

    [Fact]
    public async Task AnotherFileThanARouterIsNamed() =>
        Assert.Contains("The router model.onnx has no output 'expert_ids'", await RefusalOf(Damaged((_, manifest) => manifest with { PreGate = new PreGate("model.onnx", 4) })));

    [Fact]
    public async Task AMissingOrChangedRouterIsNamed()
    {
        Assert.Contains("router.onnx is missing", await RefusalOf(Damaged((folder, manifest) =>
        {
            File.Delete(Path.Combine(folder, PreGatedModel.Router));
            return manifest;
        })));
        Assert.Contains("router.onnx was truncated or changed", await RefusalOf(Damaged((folder, manifest) =>
        {
            File.WriteAllText(Path.Combine(folder, PreGatedModel.Router), "");
            return manifest;
        })));
    }

    [Fact]
    public void ARouterOfOneExpertIsNone()
    {
        using var scratch = new Scratch();
        var manifest = TinyModel.Manifest(9, []) with { PreGate = new PreGate(PreGatedModel.Router, 1) };
        Assert.Contains("'preGate' names no file, or fewer than 2 experts", Assert.Throws<UserError>(() => manifest.Save(scratch.Folder)).Message);
    }
}
