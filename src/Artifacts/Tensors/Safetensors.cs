using System.Buffers.Binary;
using System.Text.Json;

namespace OnnxMoe.Artifacts.Tensors;

/// <summary>
/// Hugging Face's safetensors format: the length of the header (8 bytes, little-endian), the header in JSON, then the tensors'
/// bytes. To read single tensors use <see cref="SafetensorsReader"/>.
/// </summary>
public static class Safetensors
{
    /// <summary>Reads all tensors of a file.</summary>
    /// <inheritdoc cref="SafetensorsReader.Open"/>
    public static Dictionary<string, HostTensor> Load(string path)
    {
        using var file = SafetensorsReader.Open(path);
        return file.Entries.ToDictionary(entry => entry.Name, entry => file.Read(entry.Name), StringComparer.Ordinal);
    }

    /// <summary>Writes a file atomically; the same tensors always give the same bytes, whatever their order.</summary>
    /// <exception cref="UserError">The disk is full.</exception>
    public static void Save(string path, IEnumerable<KeyValuePair<string, HostTensor>> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        AtomicFile.Write(path, stream => Write(stream, tensors, metadata));

    /// <summary>Writes the format to a stream.</summary>
    public static void Write(Stream stream, IEnumerable<KeyValuePair<string, HostTensor>> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        // The widest elements first, so that with a header of whole 8 bytes every tensor is aligned to its element size.
        var ordered = tensors.OrderByDescending(tensor => tensor.Value.Type.Size()).ThenBy(tensor => tensor.Key, StringComparer.Ordinal).ToArray();
        var header = Header(ordered, metadata);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach (var (_, tensor) in ordered)
            stream.Write(tensor.Data);
    }

    private static byte[] Header(KeyValuePair<string, HostTensor>[] tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (metadata != null)
                WriteMetadata(json, metadata);
            var position = 0L;
            foreach (var (name, tensor) in tensors)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", SafetensorsTypes.WordOf(tensor.Type));
                WriteIntegers(json, "shape", tensor.Shape);
                WriteIntegers(json, "data_offsets", [position, position += tensor.Data.Length]);
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }
        while (buffer.Length % 8 != 0)
            buffer.WriteByte((byte)' ');
        return buffer.ToArray();
    }

    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string> metadata)
    {
        json.WriteStartObject(SafetensorsHeader.MetadataKey);
        foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal))
            json.WriteString(key, value);
        json.WriteEndObject();
    }

    private static void WriteIntegers(Utf8JsonWriter json, string name, ReadOnlySpan<long> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
            json.WriteNumberValue(value);
        json.WriteEndArray();
    }
}
