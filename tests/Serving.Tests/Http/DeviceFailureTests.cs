using System.Text.Json.Nodes;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

/// <summary>Devices that fail or hang while requests run: each test makes them do so by the routes for drills.</summary>
public sealed class DeviceFailureTests
{
    private const int Devices = 3;
    private static readonly int[] All = [.. Enumerable.Range(0, MoeModel.Experts)];

    /// <summary>Pieces of work that succeed before the fault: none, so that it meets prompts, or so many that it meets generation.</summary>
    private const int InPrompts = 0, InGeneration = 60;

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
        await served.AnswerAsync("/admin/devices/2/fail?after=70", "");
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
