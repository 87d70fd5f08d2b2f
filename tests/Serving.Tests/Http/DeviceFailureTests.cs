using System.Text.Json.Nodes;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

/// <summary>Devices that fail or hang while requests run: each test makes them do so by the routes for drills.</summary>
public sealed class DeviceFailureTests
{
    private const int Devices = 3;
    private static readonly int[] All = [.. Enumerable.Range(0, MoeModel.Experts)];

    /// <summary>
    /// Pieces of work that succeed before the fault: none, so that it meets prompts, or so many that it meets generation, and few enough that they come even when
    /// all requests share their steps, which makes the pieces fewest.
    /// </summary>
    private const int InPrompts = 0, InGeneration = 30;

    [Theory]
    [InlineData("fail", InPrompts, 0, false)]
    [InlineData("fail", InGeneration, 0, false)]
    [InlineData("fail", InGeneration, 6, false)]
    [InlineData("fail", InPrompts + 1, 6, true)]
    [InlineData("fail", InGeneration, 0, true)]
    [InlineData("hang", InPrompts, 0, true)]
    [InlineData("hang", InGeneration, 5, true)]
    [InlineData("hang", InGeneration + 1, 0, false)]
    public async Task RequestsFinishAsIfNothingHadHappened(string fault, int after, int copies, bool paged)
    {
        await using var served = await StartAsync(copies, paged);
        var expected = await AnswersAsync(served);
        await served.AnswerAsync($"/admin/devices/1/{fault}?after={after}", "");
        AssertSame(expected, await AnswersAsync(served));

        var health = await HealthAsync(served, 200);
        Assert.Equal("degraded", (string)health["status"]!);
        var failed = Assert.Single(health["devices_failed"]!.AsArray())!;
        Assert.Equal(1, (int)failed["number"]!);
        Assert.Contains(fault == "fail" ? "made to fail" : "Serve:DeviceTimeout", (string)failed["failure"]!);
        Assert.Equal(0, await served.MetricAsync("onnxmoe_device_up{model_name=\"tiny\",device=\"1\"}"));
        Assert.Equal(Devices - 1, await served.MetricAsync("onnxmoe_device_up"));
        Assert.Equal(1, await served.MetricAsync("onnxmoe_device_failures_total"));
        Assert.Equal(All, await ExpertsAsync(served, 0, 2));

        // A run that hung goes on now, beside those that come.
        await served.AnswerAsync("/admin/devices/1/restart", "");
        Assert.Equal("ok", (string)(await HealthAsync(served, 200))["status"]!);
        AssertSame(expected, await AnswersAsync(served));
        Assert.Equal(Devices, await served.MetricAsync("onnxmoe_device_up"));
        Assert.NotEmpty(await ExpertsAsync(served, 1));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task TheLastDeviceServesAlone(bool paged)
    {
        await using var served = await StartAsync(4, paged);
        var expected = await AnswersAsync(served);
        await served.AnswerAsync("/admin/devices/0/fail?after=20", "");
        await served.AnswerAsync("/admin/devices/2/fail?after=40", "");
        AssertSame(expected, await AnswersAsync(served));
        Assert.Equal(All, await ExpertsAsync(served, 1));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WithoutDevicesRequestsAreRefused(bool paged)
    {
        await using var served = await StartAsync(0, paged);
        for (var device = 0; device < Devices; device++)
            await served.AnswerAsync($"/admin/devices/{device}/fail?after={device * 10}", "");
        var (status, answer, headers) = await served.PostAsync("/v1/completions", DevicesTests.Requests[1]);
        Assert.Equal(503, status);
        Assert.Equal("no_device", (string)answer["error"]!["code"]!);
        Assert.Contains("All devices of the server have failed", (string)answer["error"]!["message"]!);
        Assert.NotNull(headers.RetryAfter);
        var health = await HealthAsync(served, 503);
        Assert.Equal("failing", (string)health["status"]!);
        Assert.Equal(Devices, health["devices_failed"]!.AsArray().Count);
        Assert.Equal(400, (await served.PostAsync("/admin/placement", "")).Status);

        await served.AnswerAsync("/admin/devices/2/restart", "");
        await served.AnswerAsync("/v1/completions", DevicesTests.Requests[1]);
        Assert.Equal(All, await ExpertsAsync(served, 2));
    }

    [Fact]
    public async Task AnotherPlanIsFollowedByTheDevicesThatAreLeft()
    {
        await using var served = await StartAsync(0, paged: true);
        var expected = await AnswersAsync(served);
        await served.AnswerAsync("/admin/devices/1/fail", "");
        AssertSame(expected, await AnswersAsync(served));
        var plan = PlanOf(2, 9, paged: true);
        plan.Save(Path.Combine(served.Folder, PlacementPlan.FileName));
        await served.AnswerAsync("/admin/placement", "");
        Assert.Empty(await ExpertsAsync(served, 1));
        Assert.Superset(plan.Layers[0].Devices[0].ToHashSet(), (await ExpertsAsync(served, 0)).ToHashSet());
        AssertSame(expected, await AnswersAsync(served));
        await served.AnswerAsync("/admin/devices/1/restart", "");
        Assert.Equal(plan.Layers[0].Devices[1].Order(), await ExpertsAsync(served, 1));
        AssertSame(expected, await AnswersAsync(served));
    }

    [Fact]
    public async Task ARequestThatCannotBeComputedIsNotTheDevicesFault()
    {
        await using var served = await StartAsync(0, paged: false);
        const string Body = """
            {"inputs":[{"name":"input_ids","datatype":"INT64","shape":[1,1],"data":[1000]},{"name":"attention_mask","datatype":"INT64","shape":[1,1],"data":[1]},
            {"name":"position_ids","datatype":"INT64","shape":[1,1],"data":[0]},{"name":"past_key_values.0.key","datatype":"FP32","shape":[1,0,16],"data":[]},
            {"name":"past_key_values.1.key","datatype":"FP32","shape":[1,0,16],"data":[]},{"name":"past_key_values.2.key","datatype":"FP32","shape":[1,0,16],"data":[]}]}
            """;
        Assert.NotEqual(200, (await served.PostAsync("/v2/models/tiny/infer", Body)).Status);
        Assert.Equal("ok", (string)(await HealthAsync(served, 200))["status"]!);
        Assert.Equal(0, await served.MetricAsync("onnxmoe_device_failures_total"));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(5, true)]
    public async Task TokensThatAreSentToALayerAgainCountOnce(int copies, bool paged)
    {
        const int Lost = 2;
        JsonNode sent = null!;
        var trace = await TracedAsync(copies, paged, async served =>
        {
            // It fails at the experts of a request that is at home elsewhere, and is never of use.
            await served.AnswerAsync($"/admin/devices/{Lost}/fail", "");
            foreach (var request in DevicesTests.Requests)
                await served.AnswerAsync("/v1/completions", request);
            sent = JsonNode.Parse(await served.Client.GetStringAsync("/admin/placement"))!["tokens_sent"]!;
        });
        var plan = PlanOf(copies, 1, paged).Without(new HashSet<int> { Lost });
        foreach (var layer in plan.Layers)
        {
            var (routes, expected) = (new TokenRoutes(layer), new long[Devices, Devices]);
            foreach (var site in Enumerable.Range(0, trace.Layers.Count).Where(site => trace.Layers[site].Layer == layer.Layer))
                for (var token = 0; token < trace.Tokens; token++)
                {
                    var turn = TokenRoutes.TurnOf(trace.Requests[token], Devices);
                    var home = TokenRoutes.HomeOf(trace.Requests[token], Devices) is var first && first == Lost ? TokenRoutes.HomeOf(turn, Devices - 1) : first;
                    foreach (var device in trace.Ids(site, token).ToArray().Where(expert => expert >= 0).Select(expert => routes.DeviceOf(expert, home, turn)).Distinct().Where(device => device != home))
                        expected[home, device]++;
                }
            for (var from = 0; from < Devices; from++)
                for (var to = 0; to < Devices; to++)
                    Assert.Equal(expected[from, to], (long)sent[$"{layer.Layer}"]![from]![to]!);
        }
    }

    [Theory]
    [InlineData("fail", false)]
    [InlineData("fail", true)]
    [InlineData("hang", true)]
    public async Task SequencesThatAreComputedAgainElsewhereCountOnce(string fault, bool paged)
    {
        long worked = 0;
        var trace = await TracedAsync(0, paged, async served =>
        {
            await served.AnswerAsync($"/admin/devices/1/{fault}?after={InGeneration}", "");
            await Task.WhenAll(Enumerable.Range(0, 6).Select(i => served.AnswerAsync("/v1/completions", $$"""{"prompt":"abc{{i}}","max_tokens":40,"seed":{{i}},"active_experts":1,"ignore_eos":true}""")));
            Assert.Equal(1, await served.MetricAsync("onnxmoe_device_failures_total"));
            worked = JsonNode.Parse(await served.Client.GetStringAsync("/status"))!["devices"]!.AsArray().Sum(device => (long)device!["tokens"]!);
        });
        Assert.Equal(6 * (4 + 39), trace.Tokens);
        Assert.Equal(trace.Tokens * trace.Layers.Count, worked); // with one expert a token, it meets one device in each layer and pass
    }

    [Theory]
    [InlineData("/admin/devices/0/restart", 400, "has not failed")]
    [InlineData("/admin/devices/3/restart", 400, "from 0 to 2")]
    [InlineData("/admin/devices/x/fail", 400, "from 0 to 2")]
    [InlineData("/admin/devices/0/fail?after=-1", 400, "'after' is '-1'")]
    public async Task MistakesAreExplained(string path, int status, string message)
    {
        await using var served = await StartAsync(0, paged: false);
        var (found, answer, _) = await served.PostAsync(path, "");
        Assert.Equal(status, found);
        Assert.Contains(message, (string)answer["error"]!["message"]!);
    }

    [Fact]
    public async Task DevicesAreMadeToFailOnlyWhereThatIsAllowed()
    {
        await using var served = await StartAsync(0, paged: false, options => options.FaultInjection = "off");
        Assert.Equal(404, (await served.PostAsync("/admin/devices/0/fail", "")).Status);
        var devices = JsonNode.Parse(await served.Client.GetStringAsync("/admin/devices"))!["devices"]!.AsArray();
        Assert.Equal(Devices, devices.Count);
        Assert.All(devices, device => Assert.True((bool)device!["up"]!));
    }

    private static Task<Served> StartAsync(int copies, bool paged, Action<ServeOptions>? set = null) => Served.StartAsync(folder =>
    {
        if (paged)
            AttentionModel.Write(folder);
        else
            MoeModel.Write(folder);
        PlanOf(copies, 1, paged).Save(Path.Combine(folder, PlacementPlan.FileName));
    }, options =>
    {
        (options.Devices, options.FaultInjection, options.DeviceTimeout, options.PrefixReuse) = (Devices, "on", 5, "off");
        set?.Invoke(options);
    });

    /// <summary>The routing trace of what is asked.</summary>
    private static async Task<RoutingTrace> TracedAsync(int copies, bool paged, Func<Served, Task> ask)
    {
        using var copy = new Scratch();
        await using (var served = await StartAsync(copies, paged, options => options.Trace = "on"))
        {
            await ask(served);
            await served.Server.DisposeAsync();
            File.Copy(Path.Combine(served.Folder, "trace-serve.bin"), copy.PathOf("trace.bin"));
        }
        return RoutingTrace.Load(copy.PathOf("trace.bin"));
    }

    private static PlacementPlan PlanOf(int copies, int seed, bool paged) => MoeModel.Plan(Devices, copies, seed, 0, paged ? 1 : 2);

    /// <summary>All requests at once.</summary>
    private static async Task<JsonNode[]> AnswersAsync(Served served) =>
        await Task.WhenAll(DevicesTests.Requests.Select(request => served.AnswerAsync("/v1/completions", request)));

    private static void AssertSame(JsonNode[] expected, JsonNode[] found)
    {
        foreach (var (choice, other) in expected.SelectMany(Choices).Zip(found.SelectMany(Choices)))
        {
            Assert.Equal((string)choice!["text"]!, (string)other!["text"]!);
            var scores = choice["logprobs"]!["token_logprobs"]!.AsArray().Zip(other["logprobs"]!["token_logprobs"]!.AsArray());
            Assert.All(scores, pair => Assert.Equal((double)pair.First!, (double)pair.Second!, 5e-5));
        }

        static IEnumerable<JsonNode?> Choices(JsonNode answer) => answer["choices"]!.AsArray().OrderBy(choice => (int)choice!["index"]!);
    }

    private static async Task<JsonNode> HealthAsync(Served served, int status)
    {
        using var response = await served.Client.GetAsync("/health");
        Assert.Equal(status, (int)response.StatusCode);
        return JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
    }

    /// <summary>The experts of layer 0 that devices hold.</summary>
    private static async Task<int[]> ExpertsAsync(Served served, params int[] devices)
    {
        var status = JsonNode.Parse(await served.Client.GetStringAsync("/admin/placement"))!;
        return [.. devices.SelectMany(device => status["devices"]![device]!["experts"]!["0"]!.AsArray()).Select(expert => (int)expert!).Distinct().Order()];
    }
}
