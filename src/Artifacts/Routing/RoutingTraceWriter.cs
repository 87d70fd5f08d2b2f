using System.Buffers.Binary;
using System.Numerics;

namespace OnnxMoe.Artifacts.Routing;

/// <summary>
/// Writes trace.bin. Any number of threads may append; each call adds one frame, which a reader sees wholly or not at all.
/// Frames gather in a buffer, so an append costs a copy; <see cref="Flush"/> hands them to the operating system.
/// </summary>
public sealed class RoutingTraceWriter : IDisposable
{
    const int BufferBytes = 1 << 18;

    readonly Lock _gate = new();
    readonly FileStream _file;
    byte[] _payload = [];

    RoutingTraceWriter(FileStream file, RoutingTraceHeader header) => (_file, Header) = (file, header);

    /// <summary>Starts a new trace, replacing a file of that name.</summary>
    public RoutingTraceWriter(string path, RoutingTraceHeader header)
        : this(new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read, BufferBytes), header)
    {
        _file.Write(TraceFormat.Preamble(header));
        TraceFormat.WriteBlock(_file, header.ToBytes());
        _file.Flush();
    }

    /// <inheritdoc cref="RoutingTraceWriter(string, RoutingTraceHeader)"/>
    public RoutingTraceWriter(string path, params (int Layer, int Experts, int ExpertsPerToken)[] layers)
        : this(path, new RoutingTraceHeader([.. layers.Select(l => new TracedLayer(l.Layer, l.Experts, l.ExpertsPerToken))]))
    {
    }

    /// <summary>What the trace is about.</summary>
    public RoutingTraceHeader Header { get; }

    /// <summary>Tokens appended by this writer.</summary>
    public long Tokens { get; private set; }

    /// <summary>
    /// Goes on with an existing trace of the same model (a torn last frame is cut off), or starts one where there is none.
    /// Throws <see cref="UserError"/> when the file belongs to another model.
    /// </summary>
    public static RoutingTraceWriter OpenAppend(string path, RoutingTraceHeader header)
    {
        if (!File.Exists(path))
            return new RoutingTraceWriter(path, header);
        long whole;
        using (var reader = new RoutingTraceReader(path))
        {
            if (!reader.Header.SameModel(header))
                throw new UserError($"The routing trace '{path}' was recorded from another model ('{reader.Header.Model}'); delete it or choose another file.");
            foreach (var _ in reader.Frames())
            {
            }
            whole = reader.WholeBytes;
        }
        var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.Read, BufferBytes);
        file.SetLength(whole);
        file.Seek(0, SeekOrigin.End);
        return new RoutingTraceWriter(file, header);
    }

    /// <summary>Appends the routing of <paramref name="tokens"/> consecutive tokens of one request.</summary>
    /// <param name="request">Number of the request.</param>
    /// <param name="phase">What the model was doing.</param>
    /// <param name="tokens">T.</param>
    /// <param name="ids">Per traced layer the expert ids [T, K], row-major; -1 = no expert.</param>
    /// <param name="weights">Per traced layer the combine weights [T, K] (stored as 16-bit floats); null only when the header says the trace has none.</param>
    /// <exception cref="ArgumentException">A shape does not fit the header, or an id is outside -1 .. E-1.</exception>
    public void Append(long request, RoutingPhase phase, int tokens, IReadOnlyList<ReadOnlyMemory<int>> ids, IReadOnlyList<ReadOnlyMemory<float>>? weights = null) =>
        AppendIds(request, phase, tokens, ids, weights);

    /// <inheritdoc cref="Append(long, RoutingPhase, int, IReadOnlyList{ReadOnlyMemory{int}}, IReadOnlyList{ReadOnlyMemory{float}}?)"/>
    public void Append(long request, RoutingPhase phase, int tokens, IReadOnlyList<ReadOnlyMemory<long>> ids, IReadOnlyList<ReadOnlyMemory<float>>? weights = null) =>
        AppendIds(request, phase, tokens, ids, weights);

    /// <summary>Hands everything appended so far to the operating system; it then survives the end of this process.</summary>
    public void Flush()
    {
        lock (_gate)
            _file.Flush();
    }

    /// <summary>Flushes and closes the file.</summary>
    public void Dispose()
    {
        lock (_gate)
            _file.Dispose();
    }

    void AppendIds<T>(long request, RoutingPhase phase, int tokens, IReadOnlyList<ReadOnlyMemory<T>> ids, IReadOnlyList<ReadOnlyMemory<float>>? weights)
        where T : unmanaged, IBinaryInteger<T>
    {
        CheckCounts(tokens, ids.Count, weights?.Count);
        if (tokens == 0)
            return;
        var size = TraceFormat.FrameHeadBytes + checked(tokens * TraceFormat.BytesPerToken(Header));
        if (size > TraceFormat.MaximumBlock)
            throw new ArgumentException($"{tokens} tokens are too many for one frame of a routing trace; append them in parts.", nameof(tokens));
        lock (_gate)
        {
            if (_payload.Length < size)
                _payload = new byte[size];
            var payload = _payload.AsSpan(0, size);
            BinaryPrimitives.WriteInt64LittleEndian(payload, request);
            payload[8] = (byte)phase;
            BinaryPrimitives.WriteInt32LittleEndian(payload[9..], tokens);
            var rest = payload[TraceFormat.FrameHeadBytes..];
            for (var l = 0; l < Header.Layers.Count; l++)
            {
                rest = WriteIds(rest, Header.Layers[l], tokens, ids[l].Span);
                if (Header.HasWeights)
                    rest = WriteWeights(rest, Header.Layers[l], tokens, weights![l].Span);
            }
            TraceFormat.WriteBlock(_file, payload);
            Tokens += tokens;
        }
    }

    void CheckCounts(int tokens, int idLayers, int? weightLayers)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(tokens);
        if (idLayers != Header.Layers.Count)
            throw new ArgumentException($"The trace has {Header.Layers.Count} layers, not {idLayers}.");
        if (Header.HasWeights && weightLayers != idLayers)
            throw new ArgumentException($"The trace stores combine weights, so each of its {idLayers} layers needs them.");
    }

    static Span<byte> WriteIds<T>(Span<byte> target, TracedLayer layer, int tokens, ReadOnlySpan<T> ids) where T : unmanaged, IBinaryInteger<T>
    {
        CheckLength(layer, tokens, ids.Length, "ids");
        var bytes = TraceFormat.IdBytes(layer);
        for (var i = 0; i < ids.Length; i++)
        {
            var id = long.CreateChecked(ids[i]);
            if (id < -1 || id >= layer.Experts)
                throw new ArgumentException($"Layer {layer.Layer} has experts 0 to {layer.Experts - 1}; {id} is none of them.");
            if (bytes == 1)
                target[i] = (byte)id;
            else
                BinaryPrimitives.WriteUInt16LittleEndian(target[(2 * i)..], (ushort)id);
        }
        return target[(ids.Length * bytes)..];
    }

    static Span<byte> WriteWeights(Span<byte> target, TracedLayer layer, int tokens, ReadOnlySpan<float> weights)
    {
        CheckLength(layer, tokens, weights.Length, "weights");
        for (var i = 0; i < weights.Length; i++)
            BinaryPrimitives.WriteHalfLittleEndian(target[(2 * i)..], (Half)weights[i]);
        return target[(weights.Length * 2)..];
    }

    static void CheckLength(TracedLayer layer, int tokens, int length, string what)
    {
        if (length != tokens * layer.ExpertsPerToken)
            throw new ArgumentException($"Layer {layer.Layer} needs {tokens} x {layer.ExpertsPerToken} {what}, not {length}.");
    }
}
