namespace OnnxMoe.Artifacts.Routing;

/// <summary>A whole routing trace in memory: which experts each token met in each routed layer.</summary>
public sealed class RoutingTrace
{
    readonly int[][] _ids;
    readonly float[][] _weights;
    readonly long[] _requests;
    readonly RoutingPhase[] _phases;

    /// <param name="header">What the trace is about.</param>
    /// <param name="frames">The tokens.</param>
    public RoutingTrace(RoutingTraceHeader header, IEnumerable<RoutingTraceFrame> frames)
    {
        Header = header;
        var ids = header.Layers.Select(_ => new List<int>()).ToArray();
        var weights = header.Layers.Select(_ => new List<float>()).ToArray();
        var (requests, phases) = (new List<long>(), new List<RoutingPhase>());
        foreach (var frame in frames)
        {
            for (var l = 0; l < ids.Length; l++)
            {
                ids[l].AddRange(frame.Ids[l].Span);
                weights[l].AddRange(frame.Weights[l].Span);
            }
            requests.AddRange(Enumerable.Repeat(frame.Request, frame.Tokens));
            phases.AddRange(Enumerable.Repeat(frame.Phase, frame.Tokens));
        }
        _ids = [.. ids.Select(l => l.ToArray())];
        _weights = [.. weights.Select(l => l.ToArray())];
        (_requests, _phases) = ([.. requests], [.. phases]);
    }

    /// <summary>What the trace is about.</summary>
    public RoutingTraceHeader Header { get; }

    /// <summary>The routed layers in ascending order; the other members take an index into this list.</summary>
    public IReadOnlyList<TracedLayer> Layers => Header.Layers;

    /// <summary>T, the number of tokens.</summary>
    public int Tokens => _requests.Length;

    /// <summary>What is wrong with the file without stopping its use (it was cut off), as one sentence; null when all is well.</summary>
    public string? Warning { get; private init; }

    /// <summary>Request number of each token [T].</summary>
    public ReadOnlySpan<long> Requests => _requests;

    /// <summary>Phase of each token [T].</summary>
    public ReadOnlySpan<RoutingPhase> Phases => _phases;

    /// <summary>Expert ids [T, K] of the layer at <paramref name="index"/>, row-major; -1 = no expert.</summary>
    public ReadOnlySpan<int> Ids(int index) => _ids[index];

    /// <summary>Expert ids [K] of one token in the layer at <paramref name="index"/>.</summary>
    public ReadOnlySpan<int> Ids(int index, int token)
    {
        var k = Layers[index].ExpertsPerToken;
        return _ids[index].AsSpan(token * k, k);
    }

    /// <summary>Combine weights [T, K] of the layer at <paramref name="index"/>; empty in a trace without weights.</summary>
    public ReadOnlySpan<float> Weights(int index) => _weights[index];

    /// <summary>Loads a trace: trace.bin, or by the end of the name JSON (<see cref="RoutingTraceJson"/>), CSV (<see cref="RoutingTraceCsv"/>) or NumPy (<see cref="RoutingTraceNpy"/>).</summary>
    /// <param name="path">Its name.</param>
    /// <param name="experts">Experts of a layer, for forms that do not say; 0: the largest id and one more.</param>
    public static RoutingTrace Load(string path, int experts = 0)
    {
        switch (Path.GetExtension(path).ToLowerInvariant())
        {
            case ".json":
                return RoutingTraceJson.Load(path);
            case ".csv":
                return RoutingTraceCsv.Load(path, experts);
            case ".npy":
                return RoutingTraceNpy.Load(path, experts);
        }
        using var reader = new RoutingTraceReader(path);
        var frames = reader.Frames().ToList();
        return new RoutingTrace(reader.Header, frames) { Warning = reader.Truncation };
    }

    /// <summary>Writes the trace as trace.bin.</summary>
    public void Save(string path)
    {
        using var writer = new RoutingTraceWriter(path, Header);
        for (var start = 0; start < Tokens;)
        {
            var end = start + 1;
            while (end < Tokens && _requests[end] == _requests[start] && _phases[end] == _phases[start])
                end++;
            writer.Append(_requests[start], _phases[start], end - start, Slice(_ids, start, end), Header.HasWeights ? Slice(_weights, start, end) : null);
            start = end;
        }
    }

    ReadOnlyMemory<T>[] Slice<T>(T[][] layers, int start, int end) =>
        [.. layers.Select((values, l) => new ReadOnlyMemory<T>(values, start * Layers[l].ExpertsPerToken, (end - start) * Layers[l].ExpertsPerToken))];
}
