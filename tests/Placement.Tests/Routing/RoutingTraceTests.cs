using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Routing;

public sealed class RoutingTraceTests : IDisposable
{
    static readonly RoutingTraceHeader Header = new([new TracedLayer(1, 8, 2), new TracedLayer(3, 300, 3)], "tiny", "abc");

    readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void WhatIsAppendedIsRead()
    {
        using (var writer = new RoutingTraceWriter(_folder["trace.bin"], Header))
        {
            Append(writer, request: 7, RoutingPhase.Prefill, tokens: 5, seed: 1);
            Append(writer, request: 7, RoutingPhase.Decode, tokens: 1, seed: 2);
        }
        var trace = RoutingTrace.Load(_folder["trace.bin"]);
        Assert.Null(trace.Warning);
        Assert.Equal(Header.Layers, trace.Layers);
        Assert.Equal("tiny", trace.Header.Model);
        Assert.Equal(6, trace.Tokens);
        Assert.Equal([7, 7, 7, 7, 7, 7], trace.Requests.ToArray());
        Assert.Equal(RoutingPhase.Decode, trace.Phases[5]);
        for (var l = 0; l < 2; l++)
        {
            var expected = Ids(l, 5, 1).Concat(Ids(l, 1, 2)).ToArray();
            Assert.Equal(expected, trace.Ids(l).ToArray());
            Assert.Equal(expected.Select(id => id / 1024f), trace.Weights(l).ToArray());
        }
        Assert.Contains(-1, trace.Ids(1).ToArray());
    }

    [Fact]
    public void SavingALoadedTraceGivesTheSameTokens()
    {
        using (var writer = new RoutingTraceWriter(_folder["a.bin"], Header))
        {
            for (var i = 0; i < 10; i++)
                Append(writer, i / 3, (RoutingPhase)(i % 3), 1 + i, i);
        }
        var trace = RoutingTrace.Load(_folder["a.bin"]);
        trace.Save(_folder["b.bin"]);
        var again = RoutingTrace.Load(_folder["b.bin"]);
        Assert.Equal(trace.Requests.ToArray(), again.Requests.ToArray());
        Assert.Equal(trace.Ids(0).ToArray(), again.Ids(0).ToArray());
        Assert.Equal(trace.Weights(1).ToArray(), again.Weights(1).ToArray());
    }

    [Fact]
    public void AFileCutAnywhereGivesTheFramesBeforeTheCut()
    {
        using (var writer = new RoutingTraceWriter(_folder["trace.bin"], Header))
        {
            for (var i = 0; i < 3; i++)
                Append(writer, i, RoutingPhase.Decode, 2, i);
        }
        var bytes = File.ReadAllBytes(_folder["trace.bin"]);
        var frame = 8 + 13 + 2 * (2 * 3 + 3 * 4);
        var start = bytes.Length - 3 * frame;
        for (var length = start; length <= bytes.Length; length++)
        {
            File.WriteAllBytes(_folder["cut.bin"], bytes[..length]);
            var trace = RoutingTrace.Load(_folder["cut.bin"]);
            Assert.Equal((length - start) / frame * 2, trace.Tokens);
            Assert.Equal((length - start) % frame != 0, trace.Warning is not null);
        }
    }

    [Fact]
    public void AppendingAfterACrashDropsTheTornFrameOnly()
    {
        using (var writer = new RoutingTraceWriter(_folder["trace.bin"], Header))
        {
            Append(writer, 1, RoutingPhase.Decode, 2, 1);
            Append(writer, 2, RoutingPhase.Decode, 2, 2);
        }
        using (var file = File.OpenWrite(_folder["trace.bin"]))
            file.SetLength(file.Length - 3);
        using (var writer = RoutingTraceWriter.OpenAppend(_folder["trace.bin"], Header))
            Append(writer, 3, RoutingPhase.Decode, 1, 3);
        var trace = RoutingTrace.Load(_folder["trace.bin"]);
        Assert.Null(trace.Warning);
        Assert.Equal([1, 1, 3], trace.Requests.ToArray());
        Assert.Throws<UserError>(() => RoutingTraceWriter.OpenAppend(_folder["trace.bin"], Header with { ModelHash = "other" }));
    }

    [Fact]
    public void DamageInTheMiddleIsAnError()
    {
        using (var writer = new RoutingTraceWriter(_folder["trace.bin"], Header))
        {
            Append(writer, 1, RoutingPhase.Decode, 2, 1);
            Append(writer, 2, RoutingPhase.Decode, 2, 2);
        }
        var bytes = File.ReadAllBytes(_folder["trace.bin"]);
        bytes[^80] ^= 1;
        File.WriteAllBytes(_folder["trace.bin"], bytes);
        var error = Assert.Throws<UserError>(() => RoutingTrace.Load(_folder["trace.bin"]));
        Assert.Contains("damaged at byte", error.Message);
    }

    [Theory]
    [InlineData("not a trace at all", "does not begin with ONNXMOET")]
    [InlineData("ONNXMOET\u0009\0\0\0", "format version 9")]
    [InlineData("ONNXMOET\u0001\0\0\0\u0040", "ends inside its header")]
    public void ForeignFilesAreNamed(string content, string expected)
    {
        File.WriteAllText(_folder["trace.bin"], content);
        var error = Assert.Throws<UserError>(() => RoutingTrace.Load(_folder["trace.bin"]));
        Assert.Contains(expected, error.Message);
    }

    [Fact]
    public void SeveralThreadsMayAppend()
    {
        using (var writer = new RoutingTraceWriter(_folder["trace.bin"], Header))
            Parallel.For(0, 200, i => Append(writer, i, RoutingPhase.Decode, 3, i));
        var trace = RoutingTrace.Load(_folder["trace.bin"]);
        Assert.Equal(600, trace.Tokens);
        for (var t = 0; t < 600; t += 3)
            Assert.Equal(Ids(0, 3, (int)trace.Requests[t]), trace.Ids(0).Slice(t * 2, 6).ToArray());
    }

    [Fact]
    public void WrongShapesAndIdsAreRefused()
    {
        using var writer = new RoutingTraceWriter(_folder["trace.bin"], (0, 4, 1));
        ReadOnlyMemory<float>[] weights = [new float[] { 1 }];
        Assert.Throws<ArgumentException>(() => writer.Append(0, RoutingPhase.Decode, 1, (ReadOnlyMemory<int>[])[new int[] { 4 }], weights));
        Assert.Throws<ArgumentException>(() => writer.Append(0, RoutingPhase.Decode, 1, (ReadOnlyMemory<long>[])[new long[] { -2 }], weights));
        Assert.Throws<ArgumentException>(() => writer.Append(0, RoutingPhase.Decode, 2, (ReadOnlyMemory<int>[])[new int[] { 1 }], weights));
        Assert.Throws<ArgumentException>(() => writer.Append(0, RoutingPhase.Decode, 1, (ReadOnlyMemory<int>[])[new int[] { 1 }]));
        Assert.Equal(0, writer.Tokens);
    }

    static void Append(RoutingTraceWriter writer, long request, RoutingPhase phase, int tokens, int seed) =>
        writer.Append(request, phase, tokens, (ReadOnlyMemory<int>[])[Ids(0, tokens, seed), Ids(1, tokens, seed)],
            [.. Enumerable.Range(0, 2).Select(l => (ReadOnlyMemory<float>)Ids(l, tokens, seed).Select(id => id / 1024f).ToArray())]);

    static int[] Ids(int layer, int tokens, int seed)
    {
        var (experts, k) = (Header.Layers[layer].Experts, Header.Layers[layer].ExpertsPerToken);
        var random = new Random(seed * 31 + layer);
        return [.. Enumerable.Range(0, tokens * k).Select(i => i == 1 ? -1 : random.Next(experts))];
    }
}
