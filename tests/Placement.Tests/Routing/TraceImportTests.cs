using System.Globalization;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Routing;

public sealed class TraceImportTests : IDisposable
{
    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void ARealTraceIsTheSameAsCsvAndNumPyAndJson()
    {
        var trace = Some.Granite;
        File.WriteAllLines(_folder["trace.csv"], ["phase,Expert,token,layer,request", .. Lines(trace)]);
        var (slots, layers) = (trace.Layers[0].ExpertsPerToken, trace.Layers.Count);
        short[] ids = [.. Enumerable.Range(0, trace.Tokens).SelectMany(token => Enumerable.Range(0, layers).SelectMany(layer => trace.Ids(layer, token).ToArray())).Select(id => (short)id)];
        Npy.Save(_folder["trace.npy"], HostTensor.From(ids, trace.Tokens, layers, slots));
        var (csv, npy) = (RoutingTrace.Load(_folder["trace.csv"]), RoutingTrace.Load(_folder["trace.npy"], 32));
        for (var layer = 0; layer < layers; layer++)
        {
            Assert.Equal(trace.Ids(layer).ToArray(), csv.Ids(layer).ToArray());
            Assert.Equal(trace.Ids(layer).ToArray(), npy.Ids(layer).ToArray());
        }
        Assert.Equal(trace.Layers, csv.Layers);
        Assert.Equal(trace.Layers, npy.Layers);
        Assert.Equal(trace.Requests.ToArray(), csv.Requests.ToArray());
        Assert.Equal(trace.Phases.ToArray(), csv.Phases.ToArray());
    }

    [Fact]
    public void TokensMayMissLayersAndHaveWeights()
    {
        File.WriteAllText(_folder["trace.csv"], "token,layer,expert,weight\n\n5,1,3,0.75\n5,1,0,0.25\n6,1,2,1\n5,4,1,1\n");
        var trace = RoutingTrace.Load(_folder["trace.csv"], 8);
        Assert.Equal([new TracedLayer(1, 8, 2), new TracedLayer(4, 8, 1)], trace.Layers);
        Assert.Equal([3, 0, 2, -1], trace.Ids(0).ToArray());
        Assert.Equal([1, -1], trace.Ids(1).ToArray());
        Assert.Equal([0.75f, 0.25f, 1, 0], trace.Weights(0).ToArray());
        Npy.Save(_folder["flat.npy"], HostTensor.From([0L, 3, 2, -1], 2, 2));
        var flat = RoutingTrace.Load(_folder["flat.npy"]);
        Assert.Equal([new TracedLayer(0, 4, 1), new TracedLayer(1, 4, 1)], flat.Layers);
        Assert.Equal([0, 2], flat.Ids(0).ToArray());
        Assert.Equal([3, -1], flat.Ids(1).ToArray());
    }

    [Fact]
    public void CountsAreTheSameAsCsvAndJson()
    {
        File.WriteAllText(_folder["counts.json"], """{"expert_popularity": [[10, 0, 30], [0, 5, 6]]}""");
        File.WriteAllText(_folder["counts.csv"], "layer,expert,count\n1,1,5\n0,0,10\n0,2,30\n1,2,6\n");
        Assert.True(ExpertCounts.IsCountsFile(_folder["counts.csv"]));
        Assert.Equal(ExpertCounts.Load(_folder["counts.json"]).Counts, ExpertCounts.Load(_folder["counts.csv"]).Counts);
        Assert.All(ExpertCounts.Load(_folder["counts.csv"], 4).Counts, layer => Assert.Equal(4, layer.Count));
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("token,layer\n1,2\n", "has no column 'expert'")]
    [InlineData("token,layer,expert\n", "has no line but")]
    [InlineData("token,layer,expert\n1,2,x\n", "line 2: the expert is 'x', but whole numbers from 0 to 7 are right")]
    [InlineData("token,layer,expert\n1,2,3\n\n1,2,8\n", "line 4: the expert is '8'")]
    [InlineData("token,layer,expert\n1,2\n", "line 2: the expert is ''")]
    [InlineData("token,layer,expert\n1,2,3\n1,2,3\n", "line 3: token 1 has met expert 3 of layer 2 before")]
    [InlineData("token,layer,expert,phase\n1,2,3,prefill\n1,2,4,decode\n", "line 3: token 1 has two phases")]
    [InlineData("token,layer,expert,phase\n1,2,3,later\n", "prefill, decode, evaluation are right")]
    [InlineData("layer,expert,count\n1,2,-3\n", "line 2: the count is '-3'")]
    [InlineData("layer,expert,count\n1,2,3\n1,2,3\n", "line 3: expert 2 of layer 1 has a count already")]
    [InlineData("layer,count\n1,2\n", "has no column 'expert'")]
    public void AWrongLineIsNamed(string text, string expected)
    {
        File.WriteAllText(_folder["x.csv"], text);
        var error = Assert.Throws<UserError>(() =>
        {
            if (ExpertCounts.IsCountsFile(_folder["x.csv"]))
                ExpertCounts.Load(_folder["x.csv"], 8);
            else
                RoutingTrace.Load(_folder["x.csv"], 8);
        });
        Assert.Contains(expected, error.Message);
    }

    [Fact]
    public void AnArrayOfAnotherFormIsRefused()
    {
        Npy.Save(_folder["x.npy"], HostTensor.From([0.5f, 1], 1, 2));
        Assert.Contains("is an array of whole numbers", Assert.Throws<UserError>(() => RoutingTrace.Load(_folder["x.npy"])).Message);
        Npy.Save(_folder["x.npy"], HostTensor.From([0UL, ulong.MaxValue], 1, 2));
        Assert.Contains("token 0, layer 1 names expert 9223372036854775807", Assert.Throws<UserError>(() => RoutingTrace.Load(_folder["x.npy"], 8)).Message);
        Npy.Save(_folder["x.npy"], HostTensor.From([0, 1, 9, 2], 2, 2));
        Assert.Contains("token 1, layer 0 names expert 9; the experts are 0 to 7", Assert.Throws<UserError>(() => RoutingTrace.Load(_folder["x.npy"], 8)).Message);
    }

    static IEnumerable<string> Lines(RoutingTrace trace)
    {
        for (var token = 0; token < trace.Tokens; token++)
            for (var layer = 0; layer < trace.Layers.Count; layer++)
                foreach (var expert in trace.Ids(layer, token).ToArray())
                    yield return string.Create(CultureInfo.InvariantCulture, $"{trace.Phases[token]},{expert},{token},{layer},{trace.Requests[token]}");
    }

    [Fact]
    public void CountsOfSglangLeaveItsDenseLayersOut()
    {
        File.WriteAllText(_folder["counts.json"], """{"rank": 0, "logical_count": [[0, 0, 0], [0, 0, 0], [4, 5, 6], [0, 0, 0], [1, 2, 3]]}""");
        Assert.True(ExpertCounts.IsCountsFile(_folder["counts.json"]));
        Assert.Equal([[4, 5, 6], [0, 0, 0], [1, 2, 3]], ExpertCounts.Load(_folder["counts.json"]).Counts);
    }
}
