using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

public sealed class DevicesTests
{
    private const string Status = "/admin/placement";

    /// <summary>Prompts, numbers of choices and of experts: nine sequences, more than there are slots.</summary>
    internal static readonly string[] Requests =
    [
        """{"prompt":"abc","max_tokens":20,"seed":1,"logprobs":1,"ignore_eos":true}""",
        """{"prompt":"Hello","max_tokens":12,"seed":2,"logprobs":1,"n":3,"ignore_eos":true}""",
        """{"prompt":["x","The people"],"max_tokens":9,"seed":3,"logprobs":1,"ignore_eos":true}""",
        """{"prompt":"1234567890","max_tokens":15,"seed":4,"logprobs":1,"active_experts":5,"ignore_eos":true}""",
        """{"prompt":"q","max_tokens":30,"temperature":0,"logprobs":1,"active_experts":1,"ignore_eos":true}""",
        """{"prompt":"zz","max_tokens":5,"seed":5,"logprobs":1,"ignore_eos":true}""",
    ];

    [Theory]
    [InlineData(2, 0, 1)]
    [InlineData(4, 5, 2)]
    public async Task AnswersAreThoseOfOneDevice(int devices, int copies, int seed)
    {
        await using var one = await Served.StartAsync(folder => MoeModel.Write(folder));
        await using var many = await StartAsync(MoeModel.Plan(devices, copies, seed));
        foreach (var request in Requests) // one by one, so that each has the same home every time
        {
            var (right, answer) = (await one.AnswerAsync("/v1/completions", request), await many.AnswerAsync("/v1/completions", request));
            foreach (var (choice, other) in right["choices"]!.AsArray().Zip(answer["choices"]!.AsArray()))
            {
                Assert.Equal((string)choice!["text"]!, (string)other!["text"]!);
                var scores = choice["logprobs"]!["token_logprobs"]!.AsArray().Zip(other["logprobs"]!["token_logprobs"]!.AsArray());
                Assert.All(scores, pair => Assert.Equal((double)pair.First!, (double)pair.Second!, 1e-5));
            }
        }
    }

    [Theory]
    [InlineData(2, 0, 1, false)]
    [InlineData(4, 0, 2, false)]
    [InlineData(4, 6, 3, false)]
    [InlineData(4, 6, 3, true)]
    [InlineData(3, 9, 4, true)]
    public async Task TokensSentAreThePlansPrediction(int devices, int copies, int seed, bool paged)
    {
        using var copy = new Scratch();
        int[] layers = paged ? [0, 1] : [0, 2]; // on pages several requests share a run, whose tokens take the copies in turn all the same
        var plan = MoeModel.Plan(devices, copies, seed, layers);
        JsonNode status;
        double counted;
        await using (var served = await Served.StartAsync(folder =>
        {
            if (paged)
                AttentionModel.Write(folder);
            else
                MoeModel.Write(folder);
            Save(folder, plan);
        }, options => (options.Devices, options.Trace) = (devices, "on")))
        {
            await Task.WhenAll(Requests.Select(request => served.AnswerAsync("/v1/completions", request)));
            status = JsonNode.Parse(await served.Client.GetStringAsync(Status))!;
            counted = await served.MetricAsync("onnxmoe_device_tokens_sent_total");
            await served.Server.DisposeAsync();
            File.Copy(Path.Combine(served.Folder, "trace-serve.bin"), copy.PathOf("trace.bin"));
        }
        var predicted = TokenTraffic.Predict(plan, RoutingTrace.Load(copy.PathOf("trace.bin")));
        Assert.Equal(layers, predicted.Select(layer => layer.Layer));
        foreach (var layer in predicted)
        {
            Assert.True(layer.Total > 0);
            for (var from = 0; from < devices; from++)
                for (var to = 0; to < devices; to++)
                    Assert.Equal(layer.Tokens[from, to], (long)status["tokens_sent"]![$"{layer.Layer}"]![from]![to]!);
        }
        Assert.Equal(predicted.Sum(layer => layer.Total), counted);
    }

    [Fact]
    public async Task TokensThatAreComputedAgainForWantOfPagesAreSentOnce()
    {
        using var copy = new Scratch();
        var plan = MoeModel.Plan(3, 4, 5, 0, 1);
        double counted;
        // 1 MiB holds 4,096 tokens, a third on each device; the two sequences of each would take 1,800.
        await using (var served = await Served.StartAsync(folder =>
        {
            AttentionModel.Write(folder, 2048);
            Save(folder, plan);
        }, options => (options.Devices, options.Trace, options.CacheSize) = (3, "on", 1)))
        {
            await Task.WhenAll(Enumerable.Range(0, 6).Select(i => served.AnswerAsync("/v1/completions", $$"""{"prompt":"{{i}}","max_tokens":900,"seed":{{i}},"ignore_eos":true}""")));
            Assert.True(await served.MetricAsync("onnxmoe_num_preemptions_total") > 0);
            counted = await served.MetricAsync("onnxmoe_device_tokens_sent_total");
            await served.Server.DisposeAsync();
            File.Copy(Path.Combine(served.Folder, "trace-serve.bin"), copy.PathOf("trace.bin"));
        }
        var trace = RoutingTrace.Load(copy.PathOf("trace.bin"));
        Assert.Equal(6 * 900, trace.Tokens);
        Assert.Equal(TokenTraffic.Predict(plan, trace).Sum(layer => layer.Total), counted);
    }

    [Fact]
    public async Task APlanIsReplacedWhileAnswersStream()
    {
        // With one expert a token there is no sum whose order a plan could change: the texts must be the same to the last byte.
        const string Fields = "\"prompt\":\"abc\",\"max_tokens\":500,\"seed\":8,\"n\":2,\"active_experts\":1,\"ignore_eos\":true";
        await using var served = await StartAsync(MoeModel.Plan(2, 0, 1), context: 512);
        var expected = await served.AnswerAsync("/v1/completions", $$"""{{{Fields}}}""");
        await using var stream = await served.BeginStreamAsync("/v1/completions", $$"""{{{Fields}},"stream":true}""");
        for (var seed = 2; seed < 5; seed++)
        {
            MoeModel.Plan(2, seed, seed).Save(Path.Combine(served.Folder, PlacementPlan.FileName));
            var answer = await served.AnswerAsync(Status, "");
            Assert.Equal($"random {seed}", (string)answer["plan"]!["solver"]!);
        }
        var events = ("d" + await new StreamReader(stream).ReadToEndAsync()).Split("\n\n")[..^2].Select(line => JsonNode.Parse(line["data: ".Length..])!["choices"]![0]!).ToArray();
        for (var choice = 0; choice < 2; choice++)
        {
            var text = string.Concat(events.Where(chunk => (int)chunk["index"]! == choice).Select(chunk => (string)chunk["text"]!));
            Assert.Equal((string)expected["choices"]![choice]!["text"]!, text);
        }
        Assert.Equal(3, await served.MetricAsync("onnxmoe_placement_changes_total"));
    }

    [Fact]
    public async Task AWrongPlanIsRefusedAndTheOldOneStays()
    {
        await using var served = await StartAsync(MoeModel.Plan(2, 0, 1));
        var before = await served.Client.GetStringAsync(Status);
        MoeModel.Plan(4, 0, 1).Save(Path.Combine(served.Folder, PlacementPlan.FileName));
        var (status, answer, _) = await served.PostAsync(Status, "");
        Assert.Equal(400, status);
        Assert.Contains("4 devices", (string)answer["error"]!["message"]!);
        Assert.Equal(before, await served.Client.GetStringAsync(Status));
        await served.AnswerAsync("/v1/completions", Requests[0]);
    }

    [Fact]
    public async Task ThePlacementIsForThoseWhoHaveTheKey()
    {
        await using var served = await StartAsync(MoeModel.Plan(2, 0, 1), options => options.ApiKey = "secret");
        Assert.Equal(401, (await served.PostAsync(Status, "")).Status);
        served.Client.DefaultRequestHeaders.Authorization = new("Bearer", "secret");
        Assert.Equal(200, (await served.PostAsync(Status, "")).Status);
    }

    [Fact]
    public async Task WithoutAPlanConsecutiveExpertsAreTogether()
    {
        await using var served = await Served.StartAsync(folder => MoeModel.Write(folder), options => options.Devices = 2);
        var status = JsonNode.Parse(await served.Client.GetStringAsync(Status))!;
        Assert.Equal("contiguous", (string)status["plan"]!["solver"]!);
        Assert.Equal("[0,1,2,3]", status["devices"]![0]!["experts"]!["2"]!.ToJsonString());
        Assert.Equal("[4,5,6,7]", status["devices"]![1]!["experts"]!["2"]!.ToJsonString());
        await served.AnswerAsync("/v1/completions", Requests[0]);
    }

    [Fact]
    public async Task OneDeviceHasNoPlacement()
    {
        await using var served = await Served.StartAsync(folder => MoeModel.Write(folder));
        Assert.Equal(404, (int)(await served.Client.GetAsync(Status)).StatusCode);
    }

    [Fact]
    public async Task TensorsGoThroughAllDevices()
    {
        await using var one = await Served.StartAsync(folder => MoeModel.Write(folder));
        await using var many = await StartAsync(MoeModel.Plan(4, 4, 4));
        Assert.Equal(await one.Client.GetStringAsync("/v2/models/tiny"), await many.Client.GetStringAsync("/v2/models/tiny"));
        const string Body = """
            {"inputs":[{"name":"input_ids","datatype":"INT64","shape":[2,3],"data":[1,2,3,4,5,6]},{"name":"attention_mask","datatype":"INT64","shape":[2,3],"data":[1,1,1,1,1,1]},
            {"name":"position_ids","datatype":"INT64","shape":[2,3],"data":[0,1,2,0,1,2]},{"name":"past_key_values.0.key","datatype":"FP32","shape":[2,0,16],"data":[]},
            {"name":"past_key_values.1.key","datatype":"FP32","shape":[2,0,16],"data":[]},{"name":"past_key_values.2.key","datatype":"FP32","shape":[2,0,16],"data":[]}],
            "outputs":[{"name":"logits"}]}
            """;
        float[] Logits(JsonNode answer) => [.. answer["outputs"]![0]!["data"]!.AsArray().Select(value => (float)value!)];
        var (expected, found) = (Logits(await one.AnswerAsync("/v2/models/tiny/infer", Body)), Logits(await many.AnswerAsync("/v2/models/tiny/infer", Body)));
        Assert.Equal(2 * 3 * 257, found.Length);
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
    }

    public static TheoryData<string, Action<string>, Action<ServeOptions>> Mistakes() => new()
    {
        { "The plan is for 4 devices, but Serve:Devices is 2", folder => Save(folder, MoeModel.Plan(4, 0, 1)), _ => { } },
        { "The plan is for 1 routed layers", folder => Save(folder, MoeModel.Plan(2, 0, 1) with { Layers = [MoeModel.Plan(2, 0, 1).Layers[0]] }), _ => { } },
        { "was made for other weights", SaveForOtherWeights, _ => { } },
        { "is not valid JSON", folder => File.WriteAllText(Path.Combine(folder, PlacementPlan.FileName), "{"), _ => { } },
        { "There is no plan", _ => { }, options => options.Placement = "mine.json" },
        { "so a device would have none; use at most 8 devices", _ => { }, options => options.Devices = 9 },
        { "with 'cuda' the GPUs 0 to 1 are used", _ => { }, options => options.Device = "cuda:1" },
        { "it has no routed layer", folder => TinyModel.WriteRandom(folder), _ => { } },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public async Task MistakesAreToldAtTheStart(string message, Action<string> spoil, Action<ServeOptions> set)
    {
        var error = await Assert.ThrowsAsync<UserError>(() => Served.StartAsync(folder =>
        {
            MoeModel.Write(folder);
            spoil(folder);
        }, options =>
        {
            options.Devices = 2;
            set(options);
        }));
        Assert.Contains(message, error.Message);
    }

    private static Task<Served> StartAsync(PlacementPlan plan, Action<ServeOptions>? set = null, int context = 96) => Served.StartAsync(folder =>
    {
        MoeModel.Write(folder, context: context);
        Save(folder, plan);
    }, options =>
    {
        options.Devices = plan.Devices.Count;
        set?.Invoke(options);
    });

    private static void Save(string folder, PlacementPlan plan) => plan.Save(Path.Combine(folder, PlacementPlan.FileName));

    private static void SaveForOtherWeights(string folder)
    {
        File.WriteAllText(Path.Combine(folder, "weights.safetensors"), "new weights");
        ModelManifest.Load(folder).WithFiles(folder, "weights.safetensors").Save(folder);
        var plan = MoeModel.Plan(2, 0, 1);
        Save(folder, plan with { Source = plan.Source with { ModelHash = new string('0', 64) } });
    }
}
