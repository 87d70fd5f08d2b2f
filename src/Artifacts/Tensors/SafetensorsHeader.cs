using System.Text;
using System.Text.Json;

namespace OnnxMoe.Artifacts.Tensors;

/// <summary>Parses the header of a safetensors file and holds it against every rule of the format.</summary>
internal static class SafetensorsHeader
{
    /// <summary>The longest header the format allows, in bytes.</summary>
    public const int MaxLength = 100_000_000;

    public const string MetadataKey = "__metadata__";

    /// <param name="json">The header, without its length.</param>
    /// <param name="bufferLength">Bytes that follow the header in the file.</param>
    /// <param name="path">Named in errors.</param>
    /// <exception cref="UserError">Names the file, the tensor and the broken rule.</exception>
    public static (List<SafetensorsEntry> Entries, Dictionary<string, string> Metadata) Parse(byte[] json, long bufferLength, string path)
    {
        var entries = new List<SafetensorsEntry>();
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        using var document = Document(json, path);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var field in document.RootElement.EnumerateObject())
        {
            if (!seen.Add(field.Name))
                throw Broken(path, $"it names '{field.Name}' twice");
            if (field.Name == MetadataKey)
                ReadMetadata(field.Value, metadata, path);
            else
                entries.Add(ReadEntry(field, bufferLength, path));
        }
        CheckCoverage(entries, bufferLength, path);
        return (entries, metadata);
    }

    /// <summary>The error for a file that breaks the format.</summary>
    public static UserError Broken(string path, string problem, Exception? inner = null) =>
        new($"{path} is not a valid safetensors file: {problem}; fetch or make it again.", inner);

    private static JsonDocument Document(byte[] json, string path)
    {
        if (json.Length == 0 || json[0] != '{')
            throw Broken(path, "its header does not start with '{'");
        try
        {
            _ = new UTF8Encoding(false, throwOnInvalidBytes: true).GetCharCount(json);
            return JsonDocument.Parse(json);
        }
        catch (Exception problem) when (problem is JsonException or DecoderFallbackException)
        {
            throw Broken(path, "its header is not valid JSON in UTF-8", problem);
        }
    }

    private static void ReadMetadata(JsonElement value, Dictionary<string, string> metadata, string path)
    {
        if (value.ValueKind != JsonValueKind.Object)
            throw Broken(path, $"{MetadataKey} is not an object");
        foreach (var field in value.EnumerateObject())
        {
            if (field.Value.ValueKind != JsonValueKind.String)
                throw Broken(path, $"{MetadataKey} holds a value that is not text, '{field.Name}'");
            if (!metadata.TryAdd(field.Name, field.Value.GetString()!))
                throw Broken(path, $"{MetadataKey} names '{field.Name}' twice");
        }
    }

    private static SafetensorsEntry ReadEntry(JsonProperty field, long bufferLength, string path)
    {
        var name = field.Name;
        if (field.Value.ValueKind != JsonValueKind.Object
            || !field.Value.TryGetProperty("dtype", out var dtype) || dtype.ValueKind != JsonValueKind.String
            || !field.Value.TryGetProperty("shape", out var shape) || Integers(shape) is not { } sizes
            || !field.Value.TryGetProperty("data_offsets", out var offsets) || Integers(offsets) is not [var begin, var end])
            throw Broken(path, $"tensor '{name}' lacks a proper dtype, shape or data_offsets");
        var word = dtype.GetString()!;
        if (SafetensorsTypes.Bits(word) is not { } bits)
            throw Broken(path, $"tensor '{name}' has the unknown dtype '{word}'");
        if (begin > end || end > bufferLength)
            throw Broken(path, $"tensor '{name}' lies at bytes {begin} to {end}, but the file has {bufferLength} bytes of data (is it truncated?)");
        if (Bytes(sizes, bits) != end - begin)
            throw Broken(path, $"tensor '{name}' of shape [{string.Join(",", sizes)}] and dtype {word} does not fill its {end - begin} bytes");
        return new SafetensorsEntry(name, word, sizes, begin, end);
    }

    /// <summary>A JSON list of integers that are not negative, or null.</summary>
    private static long[]? Integers(JsonElement list)
    {
        if (list.ValueKind != JsonValueKind.Array)
            return null;
        var values = new long[list.GetArrayLength()];
        var i = 0;
        foreach (var element in list.EnumerateArray())
            if (element.ValueKind != JsonValueKind.Number || !element.TryGetInt64(out values[i++]) || values[i - 1] < 0)
                return null;
        return values;
    }

    /// <summary>Bytes of a tensor, or -1 when that is no whole or no representable number.</summary>
    private static long Bytes(long[] shape, int bits)
    {
        if (shape.Contains(0))
            return 0;
        var count = (UInt128)bits;
        foreach (var size in shape)
        {
            count *= (ulong)size;
            if (count > long.MaxValue)
                return -1;
        }
        return count % 8 == 0 ? (long)(count / 8) : -1;
    }

    private static void CheckCoverage(List<SafetensorsEntry> entries, long bufferLength, string path)
    {
        var position = 0L;
        foreach (var entry in entries.OrderBy(entry => entry.Begin).ThenBy(entry => entry.End))
        {
            if (entry.Begin < position)
                throw Broken(path, $"tensor '{entry.Name}' overlaps the one before it");
            if (entry.Begin > position)
                throw Broken(path, $"there is a hole of {entry.Begin - position} bytes before tensor '{entry.Name}'");
            position = entry.End;
        }
        if (position != bufferLength)
            throw Broken(path, $"its last {bufferLength - position} bytes belong to no tensor");
    }
}
