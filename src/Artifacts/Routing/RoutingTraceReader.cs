using System.Buffers.Binary;

namespace OnnxMoe.Artifacts.Routing;

/// <summary>
/// Reads trace.bin frame by frame. A file cut off in its last frame (the writer was killed) is read up to there and
/// <see cref="Truncation"/> says so; damage anywhere else is a <see cref="UserError"/>.
/// </summary>
public sealed class RoutingTraceReader : IDisposable
{
    readonly string _path;
    readonly FileStream _file;

    public RoutingTraceReader(string path)
    {
        if (!File.Exists(path))
            throw new UserError($"There is no routing trace '{path}'; training's evaluation and serving with tracing on write one.");
        _path = path;
        _file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, 1 << 18);
        try
        {
            Header = ReadHeader();
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>What the trace is about.</summary>
    public RoutingTraceHeader Header { get; }

    /// <summary>One sentence when the file ends inside a frame, known once <see cref="Frames"/> has come to the end; else null.</summary>
    public string? Truncation { get; private set; }

    /// <summary>Length of the part read so far that consists of whole blocks.</summary>
    public long WholeBytes { get; private set; }

    /// <summary>The frames in the order in which they were appended. Call once.</summary>
    public IEnumerable<RoutingTraceFrame> Frames()
    {
        long tokens = 0;
        while (WholeBytes < _file.Length)
        {
            if (ReadBlock() is not { } payload)
            {
                Truncation = $"The routing trace '{_path}' ends inside a frame at byte {WholeBytes} (its writer was interrupted); the {tokens} tokens before it are used.";
                yield break;
            }
            var frame = ParseFrame(payload);
            tokens += frame.Tokens;
            yield return frame;
        }
    }

    public void Dispose() => _file.Dispose();

    RoutingTraceHeader ReadHeader()
    {
        var preamble = new byte[TraceFormat.PreambleBytes];
        if (_file.ReadAtLeast(preamble, preamble.Length, throwOnEndOfStream: false) < preamble.Length || !preamble.AsSpan(0, 8).SequenceEqual(TraceFormat.Magic))
            throw new UserError($"'{_path}' is not a routing trace: it does not begin with ONNXMOET.");
        var version = BinaryPrimitives.ReadUInt32LittleEndian(preamble.AsSpan(8));
        if (version is not (TraceFormat.Version or TraceFormat.IterationVersion))
            throw new UserError($"The routing trace '{_path}' has format version {version}; this program reads versions {TraceFormat.Version} and {TraceFormat.IterationVersion}.");
        WholeBytes = preamble.Length;
        var bytes = ReadBlock() ?? throw new UserError($"The routing trace '{_path}' ends inside its header; record it again.");
        try
        {
            return RoutingTraceHeader.FromBytes(bytes);
        }
        catch (System.Text.Json.JsonException error)
        {
            throw new UserError($"The header of the routing trace '{_path}' cannot be read: {error.Message}", error);
        }
    }

    /// <summary>The next block's payload, or null where the file ends inside it.</summary>
    byte[]? ReadBlock()
    {
        var head = new byte[TraceFormat.BlockHeadBytes];
        if (_file.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) < head.Length)
            return null;
        var length = BinaryPrimitives.ReadUInt32LittleEndian(head);
        var end = WholeBytes + head.Length + length;
        if (end > _file.Length)
            return null;
        if (length > TraceFormat.MaximumBlock)
            throw Damaged();
        var payload = new byte[length];
        _file.ReadExactly(payload);
        if (TraceFormat.Checksum(payload) != BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(4)))
            // A power cut can leave the last block at full length with its content unwritten.
            return end == _file.Length ? null : throw Damaged();
        WholeBytes = end;
        return payload;
    }

    RoutingTraceFrame ParseFrame(byte[] payload)
    {
        if (payload.Length < TraceFormat.FrameHeadBytes)
            throw Damaged();
        var request = BinaryPrimitives.ReadInt64LittleEndian(payload);
        var phase = (RoutingPhase)payload[8];
        var tokens = BinaryPrimitives.ReadUInt32LittleEndian(payload.AsSpan(9));
        if (TraceFormat.FrameHeadBytes + tokens * (long)TraceFormat.BytesPerToken(Header) != payload.Length || !Enum.IsDefined(phase))
            throw Damaged();
        var ids = new ReadOnlyMemory<int>[Header.Layers.Count];
        var weights = new ReadOnlyMemory<float>[Header.Layers.Count];
        ReadOnlySpan<byte> rest = payload.AsSpan(TraceFormat.FrameHeadBytes);
        for (var l = 0; l < ids.Length; l++)
        {
            var count = (int)tokens * Header.Layers[l].ExpertsPerToken;
            ids[l] = ReadIds(ref rest, Header.Layers[l], count);
            weights[l] = Header.HasWeights ? ReadWeights(ref rest, count) : ReadOnlyMemory<float>.Empty;
        }
        return new RoutingTraceFrame(request, phase, (int)tokens, ids, weights);
    }

    int[] ReadIds(ref ReadOnlySpan<byte> rest, TracedLayer layer, int count)
    {
        var ids = new int[count];
        var (bytes, none) = TraceFormat.IdBytes(layer) == 1 ? (1, (int)byte.MaxValue) : (2, ushort.MaxValue);
        for (var i = 0; i < count; i++)
        {
            int id = bytes == 1 ? rest[i] : BinaryPrimitives.ReadUInt16LittleEndian(rest[(2 * i)..]);
            if (id != none && id >= layer.Experts)
                throw Damaged();
            ids[i] = id == none ? -1 : id;
        }
        rest = rest[(count * bytes)..];
        return ids;
    }

    static float[] ReadWeights(ref ReadOnlySpan<byte> rest, int count)
    {
        var weights = new float[count];
        for (var i = 0; i < count; i++)
            weights[i] = (float)BinaryPrimitives.ReadHalfLittleEndian(rest[(2 * i)..]);
        rest = rest[(count * 2)..];
        return weights;
    }

    UserError Damaged() => new($"The routing trace '{_path}' is damaged at byte {WholeBytes} (checksum or content wrong); restore or record it again.");
}
