using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Http;

/// <summary>Models whose routers add experts up to a threshold, which the server may set.</summary>
public sealed class RouterThresholdTests
{
    private static Task<Served> ServeAsync(double threshold) => Served.StartAsync(TinyModel.WriteThreshold, options => options.RouterThreshold = threshold);

    private static async Task<string> Text(Served served) =>
        (string)(await served.AnswerAsync("/v1/completions", """{"prompt":"ab","max_tokens":12,"temperature":0,"ignore_eos":true}"""))["choices"]![0]!["text"]!;

    [Fact]
    public async Task TheSettingReachesTheFileAndIsToldToClientsAndMetrics()
    {
        await using var own = await ServeAsync(0);
        await using var same = await ServeAsync(0.5);
        await using var other = await ServeAsync(0.75);
        Assert.Equal(await Text(own), await Text(same));
        Assert.NotEqual(await Text(own), await Text(other));
        foreach (var (served, used) in new[] { (own, 0.5), (other, 0.75) })
        {
            var card = JsonNode.Parse(await served.Client.GetStringAsync("/v1/models"))!["data"]![0]!["router_threshold"]!;
            Assert.Equal((used, 0.5), ((double)card["used"]!, (double)card["trained"]!));
            Assert.Equal(used, await served.MetricAsync("onnxmoe_router_threshold{model_name=\"tiny\"}"));
        }
    }

    [Fact]
    public async Task AModelWithoutAThresholdRefusesOne()
    {
        var refusal = await Assert.ThrowsAsync<UserError>(() => Served.StartAsync(folder => TinyModel.WriteRandom(folder), options => options.RouterThreshold = 0.5));
        Assert.Contains("Serve:RouterThreshold is 0.5, but the routers of tiny select no experts by a threshold", refusal.Message);
    }

    [Fact]
    public async Task AFileWithoutTheInputIsRefused()
    {
        var refusal = await Assert.ThrowsAsync<UserError>(() => Served.StartAsync(folder =>
        {
            TinyModel.WriteRandom(folder);
            (ModelManifest.Load(folder) with { RouterThreshold = new RouterThreshold(0.4) }).Save(folder);
        }));
        Assert.Contains("model.onnx has no optional input 'router_threshold'", refusal.Message);
    }
}
