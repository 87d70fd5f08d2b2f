using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Serving.Tests.Http;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.Groups;

/// <summary>Groups of processes under a real mpirun.</summary>
public sealed class GroupTests
{
    private const int Ranks = 4;

    [Theory]
    [InlineData(true)] // on pages each rank is home to some of the sequences
    [InlineData(false)]
    public async Task FourProcessesAnswerAsOne(bool paged)
    {
        using var scratch = new Scratch();
        Write(scratch.Folder);
        var plan = paged ? MoeModel.Plan(Ranks, 5, 1, 0, 1) : MoeModel.Plan(Ranks, 5, 1);
        plan.Save(scratch.PathOf(PlacementPlan.FileName));
        await using var one = await Served.StartAsync(Write);
        using var job = new GroupJob(Ranks, scratch.Folder, trace: "on");
        using var client = await job.ClientAsync();
        foreach (var request in DevicesTests.Requests)
        {
            var (right, answer) = (await one.AnswerAsync("/v1/completions", request), await AnswerAsync(client, request));
            foreach (var (choice, other) in right["choices"]!.AsArray().Zip(answer["choices"]!.AsArray()))
            {
                Assert.Equal((string)choice!["text"]!, (string)other!["text"]!);
                var scores = choice["logprobs"]!["token_logprobs"]!.AsArray().Zip(other["logprobs"]!["token_logprobs"]!.AsArray());
                Assert.All(scores, pair => Assert.Equal((double)pair.First!, (double)pair.Second!, 1e-5));
            }
        }
        await Task.WhenAll(DevicesTests.Requests.Select(request => AnswerAsync(client, request))); // together, too
        var sent = JsonNode.Parse(await client.GetStringAsync("/admin/placement"))!["tokens_sent"]!;
        Assert.Equal(400, (int)(await client.PostAsync("/admin/placement", null)).StatusCode); // a group keeps its plan
        Assert.Equal(400, (int)(await client.PostAsync("/admin/reload", null)).StatusCode); // and its model

        Process.Start("kill", ["-TERM", $"{(await job.ProcessOfAsync(0)).Id}"]).WaitForExit();
        Assert.Equal(0, await job.EndAsync());
        for (var rank = 1; rank < Ranks; rank++)
            Assert.Contains($"holds {plan.Layers.Sum(layer => layer.Devices[rank].Count)} of 16 experts", job.Output);
        var predicted = TokenTraffic.Predict(plan, RoutingTrace.Load(scratch.PathOf("trace-serve.bin")), homes: paged ? null : 1);
        foreach (var layer in predicted)
        {
            Assert.True(layer.Total > 0);
            for (var from = 0; from < Ranks; from++)
                for (var to = 0; to < Ranks; to++)
                    Assert.Equal(layer.Tokens[from, to], (long)sent[$"{layer.Layer}"]![from]![to]!);
        }

        void Write(string folder)
        {
            if (paged)
                AttentionModel.Write(folder);
            else
                MoeModel.Write(folder);
        }
    }

    [Fact]
    public async Task WhenARankDiesTheRequestsAndTheJobEnd()
    {
        using var scratch = new Scratch();
        MoeModel.Write(scratch.Folder, context: 4096);
        using var job = new GroupJob(Ranks, scratch.Folder);
        using var client = await job.ClientAsync();
        using var victim = await job.ProcessOfAsync(2);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = new StringContent("""{"prompt":"abc","max_tokens":4000,"ignore_eos":true,"stream":true}"""),
        };
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var stream = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.StartsWith("data: ", await stream.ReadLineAsync());
        victim.Kill();
        var rest = await stream.ReadToEndAsync();
        Assert.Contains("Rank 2 of the group", rest);
        Assert.DoesNotContain("[DONE]", rest);
        Assert.NotEqual(0, await job.EndAsync());
        Assert.Contains("Rank 2 of the group", job.Output);
    }

    [Fact]
    public async Task ARankThatHangsEndsTheGroup()
    {
        using var scratch = new Scratch();
        AttentionModel.Write(scratch.Folder);
        using var job = new GroupJob(Ranks, scratch.Folder, timeout: 2);
        using var client = await job.ClientAsync();
        using var victim = await job.ProcessOfAsync(2);
        Process.Start("kill", ["-STOP", $"{victim.Id}"]).WaitForExit();
        using var response = await client.PostAsync("/v1/completions", new StringContent("""{"prompt":"abc","max_tokens":9}"""));
        Assert.Equal(503, (int)response.StatusCode);
        Assert.Contains("has not answered within 2 seconds", await response.Content.ReadAsStringAsync());
        Assert.NotEqual(0, await job.EndAsync());
    }

    [Fact]
    public async Task AGroupOfAnotherSizeIsRefused()
    {
        using var scratch = new Scratch();
        MoeModel.Write(scratch.Folder);
        using var job = new GroupJob(2, scratch.Folder, devices: 3);
        Assert.Equal(2, await job.EndAsync());
        Assert.Contains("Serve:Devices is 3, but the group has 2 ranks", job.Output);
    }

    [Fact]
    public async Task APlanForAnotherNumberOfRanksIsRefused()
    {
        using var scratch = new Scratch();
        MoeModel.Write(scratch.Folder);
        MoeModel.Plan(3, 1, 0).Save(scratch.PathOf(PlacementPlan.FileName));
        using var job = new GroupJob(2, scratch.Folder);
        Assert.Equal(2, await job.EndAsync());
        Assert.Single(Regex.Matches(job.Output, "The plan is for 3 devices, but the group has 2 ranks"));
    }

    [Fact]
    public async Task ARankWithAnotherModelIsRefused()
    {
        using var scratch = new Scratch();
        using var other = new Scratch();
        MoeModel.Write(scratch.Folder);
        MoeModel.Write(other.Folder, context: 128);
        Assert.Matches("Rank 2 of the group \\(on .+\\) has another model.onnx than rank 0", await RefusalAsync(scratch.Folder, other.Folder));
    }

    [Fact]
    public async Task ARankWithAnotherPlanIsRefused()
    {
        using var scratch = new Scratch();
        using var other = new Scratch();
        MoeModel.Write(scratch.Folder);
        MoeModel.Write(other.Folder);
        MoeModel.Plan(3, 1, 0).Save(scratch.PathOf(PlacementPlan.FileName));
        Assert.Matches("Rank 2 of the group \\(on .+\\) has another placement plan than rank 0", await RefusalAsync(scratch.Folder, other.Folder));
    }

    [Fact]
    public async Task ARankWithoutTheModelIsRefused()
    {
        using var scratch = new Scratch();
        MoeModel.Write(scratch.Folder);
        Assert.Matches("Rank 2 of the group \\(on .+\\): There is no model folder", await RefusalAsync(scratch.Folder, scratch.PathOf("nowhere")));
    }

    [Fact]
    public async Task ATakenPortEndsTheGroupWithOneSentence()
    {
        using var scratch = new Scratch();
        MoeModel.Write(scratch.Folder);
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;
        using var job = new GroupJob(3, scratch.Folder, port: port);
        Assert.Equal(2, await job.EndAsync());
        Assert.Contains($"Port {port} of 127.0.0.1 is in use", job.Output);
        Assert.DoesNotContain("MPI failed", job.Output);
    }

    [Fact]
    public async Task Sigusr1ToMpirunLetsRequestsFinish()
    {
        using var scratch = new Scratch();
        MoeModel.Write(scratch.Folder, context: 4096);
        using var job = new GroupJob(Ranks, scratch.Folder);
        using var client = await job.ClientAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = new StringContent("""{"prompt":"abc","max_tokens":60,"ignore_eos":true,"stream":true}"""),
        };
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        using var stream = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.StartsWith("data: ", await stream.ReadLineAsync());
        job.Signal("USR1");
        Assert.EndsWith("data: [DONE]\n\n", await stream.ReadToEndAsync());
        Assert.Equal(0, await job.EndAsync());
    }

    /// <summary>What a group of three says that refuses to start because of what its last rank has.</summary>
    private static async Task<string> RefusalAsync(string folder, string last)
    {
        using var job = new GroupJob(3, folder, last: last);
        Assert.Equal(2, await job.EndAsync());
        Assert.DoesNotContain("Serving", job.Output);
        return job.Output;
    }

    private static async Task<JsonNode> AnswerAsync(HttpClient client, string request)
    {
        using var response = await client.PostAsync("/v1/completions", new StringContent(request, Encoding.UTF8, "application/json"));
        var text = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, text);
        return JsonNode.Parse(text)!;
    }
}
