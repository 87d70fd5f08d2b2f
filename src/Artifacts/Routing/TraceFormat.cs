using System.Buffers.Binary;
using System.Numerics;

namespace OnnxMoe.Artifacts.Routing;

/// <summary>
/// The bytes of trace.bin, little-endian:
/// <code>
/// "ONNXMOET" | u32 version | block(header as JSON) | block(frame) | block(frame) | ...
/// block = u32 length | u32 CRC-32C of the payload | payload
/// frame = i64 request | u8 phase | u32 tokens | per layer: ids [T, K] (u8, or u16 where E > 255; all ones = none), weights [T, K] (f16)
/// </code>
/// Blocks are only ever appended, so a crash can damage nothing but the last one.
/// </summary>
static class TraceFormat
{
    public const uint Version = 1;

    /// <summary>Of traces with iterations: whoever reads only version 1 would take them for layers with experts of their own.</summary>
    public const uint IterationVersion = 2;

    public const int PreambleBytes = 12;

    public const int BlockHeadBytes = 8;

    public const int FrameHeadBytes = 13;

    /// <summary>A length above this is damage, not data.</summary>
    public const int MaximumBlock = 1 << 28;

    public static ReadOnlySpan<byte> Magic => "ONNXMOET"u8;

    public static byte[] Preamble(RoutingTraceHeader header)
    {
        var bytes = new byte[PreambleBytes];
        Magic.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), header.HasIterations ? IterationVersion : Version);
        return bytes;
    }

    public static int IdBytes(TracedLayer layer) => layer.Experts > byte.MaxValue ? 2 : 1;

    public static int BytesPerToken(RoutingTraceHeader header) =>
        header.Layers.Sum(l => l.ExpertsPerToken * (IdBytes(l) + (header.HasWeights ? 2 : 0)));

    public static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        for (; bytes.Length >= 8; bytes = bytes[8..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var b in bytes)
            crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }

    public static void WriteBlock(Stream stream, ReadOnlySpan<byte> payload)
    {
        Span<byte> head = stackalloc byte[BlockHeadBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(head, (uint)payload.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[4..], Checksum(payload));
        stream.Write(head);
        stream.Write(payload);
    }
}
