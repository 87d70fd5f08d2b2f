using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Serving.Sessions;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

/// <summary>Models in which the caller chooses how many experts a token meets.</summary>
public sealed class ActiveExpertsTests
{
    private const string Completions = "/v1/completions";
    private const string Chat = "/v1/chat/completions";
    private static readonly int[] Offered = [1, 2, 4];

    private static Task<Served> ServeAsync(Action<ServeOptions>? set = null, int context = 96) =>
        Served.StartAsync(folder => TinyModel.WriteDial(folder, context), set);

    private static string Request(string prompt, int? experts = null) =>
        $$"""{"prompt":"{{prompt}}","max_tokens":12,"temperature":0,"ignore_eos":true{{(experts is { } k ? $",\"active_experts\":{k}" : "")}}}""";

    private static string Text(JsonNode answer) => (string)answer["choices"]![0]!["text"]!;

    /// <summary>The greedy continuation, computed without a server and without a cache.</summary>
    private static long[] Continuation(string folder, string prompt, int experts)
    {
        using var session = SessionFactory.Open(Path.Combine(folder, "model.onnx"), new Device(null), 1, null);
        var model = new LanguageModelSession(session, ModelManifest.Load(folder).LanguageModel!, new Device(null));
        List<long> tokens = [.. prompt.Select(c => (long)c)];
        for (var i = 0; i < 12; i++)
        {
            using var cache = model.NewCache(1);
            using var result = model.Forward(tokens.ToArray(), cache, activeExperts: experts);
            var scores = result.Logits(0, tokens.Count - 1).ToArray();
            tokens.Add(Array.IndexOf(scores, scores.Max()));
        }
        return [.. tokens.Skip(prompt.Length)];
    }

    [Fact]
    public async Task EachSequenceRunsWithItsOwnNumber()
    {
        await using var served = await ServeAsync();
        var answers = await Task.WhenAll(Enumerable.Range(0, 24).Select(i =>
            served.AnswerAsync(Completions, Request($"p{i}", Offered[i % 3])[..^1] + ",\"return_token_ids\":true}")));
        for (var i = 0; i < 24; i++)
            Assert.Equal(Continuation(served.Folder, $"p{i}", Offered[i % 3]), answers[i]["choices"]![0]!["token_ids"]!.AsArray().Select(id => (long)id!));
        Assert.Equal(8, await served.MetricAsync("onnxmoe_sequences_started_total{model_name=\"tiny\",active_experts=\"4\"}"));
    }

    [Fact]
    public async Task FieldHeaderSettingAndModelAreAskedInThisOrder()
    {
        await using var served = await ServeAsync();
        await using var set = await ServeAsync(options => options.ActiveExperts = 4);
        var texts = new Dictionary<int, string>();
        foreach (var k in Offered)
            texts[k] = Text(await served.AnswerAsync(Completions, Request("ab", k)));
        Assert.Equal(3, texts.Values.Distinct().Count());
        Assert.Equal(texts[2], Text(await served.AnswerAsync(Completions, Request("ab"))));
        Assert.Equal(texts[4], Text(await set.AnswerAsync(Completions, Request("ab"))));
        foreach (var server in new[] { served, set })
        {
            server.Client.DefaultRequestHeaders.Add("X-Active-Experts", "1");
            Assert.Equal(texts[1], Text(await server.AnswerAsync(Completions, Request("ab"))));
            Assert.Equal(texts[2], Text(await server.AnswerAsync(Completions, Request("ab", 2))));
        }
    }

    [Fact]
    public async Task ChatTakesItToo()
    {
        await using var served = await ServeAsync();
        async Task<string> Answer(int k) => (string)(await served.AnswerAsync(Chat,
            $$"""{"messages":[{"role":"user","content":"ab"}],"max_tokens":12,"temperature":0,"ignore_eos":true,"active_experts":{{k}}}"""))["choices"]![0]!["message"]!["content"]!;
        Assert.NotEqual(await Answer(1), await Answer(4));
    }

    [Fact]
    public async Task ModelsSaysWhatIsOffered()
    {
        await using var served = await ServeAsync();
        var card = JsonNode.Parse(await served.Client.GetStringAsync("/v1/models"))!["data"]![0]!["active_experts"]!;
        Assert.Equal((1, 4, 2), ((int)card["least"]!, (int)card["most"]!, (int)card["default"]!));
        Assert.Equal("""{"k":2,"validation_loss":3.25,"flops_per_token":200}""", card["measured"]![1]!.ToJsonString());
    }

    [Theory]
    [InlineData(Completions, "0", "'active_experts' must be between 1 and 4, not 0.")]
    [InlineData(Completions, "5", "'active_experts' must be between 1 and 4, not 5.")]
    [InlineData(Chat, "5", "'active_experts' must be between 1 and 4, not 5.")]
    [InlineData(Completions, "3", "'active_experts' must be one of 1, 2, 4, not 3.")]
    [InlineData(Completions, "\"2\"", "'active_experts' must be a whole number, not a string.")]
    public async Task ANumberThatIsNotOfferedIsTheClientsMistake(string path, string value, string says)
    {
        await using var served = await ServeAsync();
        var (status, answer, _) = await served.PostAsync(path, $$"""{"prompt":"a","messages":[{"role":"user","content":"a"}],"active_experts":{{value}}}""");
        Assert.Equal((400, says, "active_experts"), (status, (string)answer["error"]!["message"]!, (string)answer["error"]!["param"]!));
    }

    [Theory]
    [InlineData("7", "The header X-Active-Experts must be between 1 and 4, not 7.")]
    [InlineData("many", "The header X-Active-Experts must be a whole number, not 'many'.")]
    public async Task AHeaderThatIsNotOfferedIsTheClientsMistake(string value, string says)
    {
        await using var served = await ServeAsync();
        served.Client.DefaultRequestHeaders.Add("X-Active-Experts", value);
        var (status, answer, _) = await served.PostAsync(Completions, """{"prompt":"a"}""");
        Assert.Equal((400, says), (status, (string)answer["error"]!["message"]!));
    }

    [Fact]
    public async Task AModelWithAFixedNumberRefusesAnyNumber()
    {
        await using var served = await Served.RandomAsync();
        var (status, answer, _) = await served.PostAsync(Completions, """{"prompt":"a","active_experts":2}""");
        Assert.Equal(400, status);
        Assert.Equal("'active_experts' is 2, but the number of active experts of 'tiny' cannot be chosen; leave it out.", (string)answer["error"]!["message"]!);
        served.Client.DefaultRequestHeaders.Add("X-Active-Experts", "2");
        (status, _, _) = await served.PostAsync(Completions, """{"prompt":"a"}""");
        Assert.Equal(400, status);
    }

    [Fact]
    public async Task UnderLoadRequestsWithoutAWishRunWithTheBusyNumber()
    {
        await using var served = await ServeAsync(options => (options.Slots, options.BusyActiveExperts) = (1, 1), context: 200_000);
        var texts = new Dictionary<int, string>();
        foreach (var k in Offered)
            texts[k] = Text(await served.AnswerAsync(Completions, Request("ab", k)));

        var blocker = await served.BeginStreamAsync(Completions, """{"prompt":"a","max_tokens":199990,"ignore_eos":true,"stream":true,"active_experts":4}""");
        int?[] wishes = [null, 4, null, null];
        var waiting = new List<Task<JsonNode>>();
        foreach (var wish in wishes)
        {
            waiting.Add(served.AnswerAsync(Completions, Request("ab", wish)));
            while (served.Server.Model.Language!.Engine.Waiting < waiting.Count)
                await Task.Delay(5);
        }
        blocker.Dispose();
        var answers = await Task.WhenAll(waiting);
        // Behind them wait 3, 2, 1 and 0 sequences, and there is one slot.
        Assert.Equal([texts[1], texts[4], texts[2], texts[2]], answers.Select(Text));
    }

    [Theory]
    [InlineData(true, 3, 0, "Serve:ActiveExperts must be one of 1, 2, 4, not 3; 0 leaves it to the model.")]
    [InlineData(true, 0, 9, "Serve:BusyActiveExperts must be between 1 and 4, not 9; 0 leaves it to the model.")]
    [InlineData(false, 2, 0, "Serve:ActiveExperts is 2, but the number of active experts of tiny cannot be chosen")]
    [InlineData(false, 0, 2, "Serve:BusyActiveExperts is 2, but the number of active experts of tiny cannot be chosen")]
    public async Task SettingsThatTheModelDoesNotOfferAreRefused(bool dial, int number, int busy, string says)
    {
        var refusal = await Assert.ThrowsAsync<UserError>(() => Served.StartAsync(
            folder => (dial ? TinyModel.WriteDial : (Action<string, int>)TinyModel.WriteRandom)(folder, 96),
            options => (options.ActiveExperts, options.BusyActiveExperts) = (number, busy)));
        Assert.Contains(says, refusal.Message);
    }

    [Fact]
    public async Task AFileWithoutTheInputIsRefused()
    {
        var refusal = await Assert.ThrowsAsync<UserError>(() => Served.StartAsync(folder =>
        {
            TinyModel.WriteRandom(folder);
            (ModelManifest.Load(folder) with { ActiveExperts = TinyModel.Dial }).Save(folder);
        }));
        Assert.Contains("model.onnx has no optional input 'active_experts'", refusal.Message);
    }

    [Fact]
    public async Task TheTraceHasAsManySlotsAsCanBeChosen()
    {
        using var copy = new Scratch();
        await using (var served = await ServeAsync(options => options.Trace = "on"))
        {
            foreach (var k in Offered)
                await served.AnswerAsync(Completions, Request("abcd", k));
            await served.Server.DisposeAsync();
            File.Copy(Path.Combine(served.Folder, "trace-serve.bin"), copy.PathOf("trace.bin"));
        }
        var trace = RoutingTrace.Load(copy.PathOf("trace.bin"));
        Assert.Equal(4, trace.Layers[0].ExpertsPerToken);
        Assert.Equal(3 * 15, trace.Tokens);
        for (var token = 0; token < trace.Tokens; token++)
        {
            var k = Offered[token / 15];
            var ids = trace.Ids(0, token).ToArray();
            Assert.All(ids[..k], id => Assert.InRange(id, 0, 3));
            Assert.All(ids[k..], id => Assert.Equal(-1, id));
            Assert.Equal(1, trace.Weights(0).Slice(token * 4, k).ToArray().Sum(), 0.01);
            Assert.All(trace.Weights(0).Slice(token * 4 + k, 4 - k).ToArray(), weight => Assert.Equal(0, weight));
        }
    }

    [Fact]
    public async Task TensorsInAndOutTakeTheInputOrLeaveIt()
    {
        await using var served = await ServeAsync();
        var card = JsonNode.Parse(await served.Client.GetStringAsync("/v2/models/tiny"))!;
        Assert.Equal("""{"name":"active_experts","datatype":"INT64","shape":[1],"parameters":{"optional":true}}""", card["inputs"]!.AsArray()[^1]!.ToJsonString());
        async Task<int> Slots(string extra) => (int)(await served.AnswerAsync("/v2/models/tiny/infer", $$"""
            {"outputs":[{"name":"routing.0.indices"}],"inputs":[
              {"name":"input_ids","datatype":"INT64","shape":[1,1],"data":[7]},
              {"name":"attention_mask","datatype":"INT64","shape":[1,1],"data":[1]},
              {"name":"position_ids","datatype":"INT64","shape":[1,1],"data":[0]},
              {"name":"past_key_values.0.key","datatype":"FP32","shape":[1,1,0,8],"data":[]},
              {"name":"past_key_values.0.value","datatype":"FP32","shape":[1,1,0,8],"data":[]}{{extra}}]}
            """))["outputs"]![0]!["shape"]![2]!;
        Assert.Equal(2, await Slots(""));
        Assert.Equal(3, await Slots(""",{"name":"active_experts","datatype":"INT64","shape":[1],"data":[3]}"""));
    }
}
