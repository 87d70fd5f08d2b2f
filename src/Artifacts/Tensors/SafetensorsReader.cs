using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;

namespace OnnxMoe.Artifacts.Tensors;

/// <summary>
/// An open safetensors file. Opening reads and checks the header only; a tensor's bytes are read when asked for, so a large file
/// costs what is used of it. Safe for use by several threads.
/// </summary>
public sealed class SafetensorsReader : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly string _path;
    private readonly long _dataStart;
    private readonly Dictionary<string, SafetensorsEntry> _byName;

    private SafetensorsReader(SafeFileHandle file, string path, long dataStart, List<SafetensorsEntry> entries, Dictionary<string, string> metadata)
    {
        (_file, _path, _dataStart, Entries, Metadata) = (file, path, dataStart, entries, metadata);
        _byName = entries.ToDictionary(entry => entry.Name, StringComparer.Ordinal);
    }

    /// <summary>The tensors in the header's order.</summary>
    public IReadOnlyList<SafetensorsEntry> Entries { get; }

    /// <summary>The header's free texts.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <exception cref="UserError">The file is missing, or breaks a rule of the format (truncation, overlap, holes, wrong sizes, bad JSON).</exception>
    public static SafetensorsReader Open(string path)
    {
        var file = TensorFile.Open(path);
        try
        {
            return Read(file, path);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>True when the file has a tensor of that name.</summary>
    public bool Contains(string name) => _byName.ContainsKey(name);

    /// <summary>Reads one tensor.</summary>
    /// <exception cref="UserError">No such tensor, or one of a type that only newer hardware computes with (8 bits and less).</exception>
    public HostTensor Read(string name)
    {
        if (!_byName.TryGetValue(name, out var entry))
            throw new UserError($"{_path} has no tensor '{name}' among its {Entries.Count}.");
        if (SafetensorsTypes.TypeOf(entry.DataType) is not { } type)
            throw new UserError($"{_path}: tensor '{name}' has dtype {entry.DataType}, which is not supported; convert it to F16, BF16 or F32.");
        if (entry.End - entry.Begin > Array.MaxLength)
            throw new UserError($"{_path}: tensor '{name}' has {entry.End - entry.Begin} bytes, more than the 2 GiB that one tensor may have; split it.");
        var data = new byte[entry.End - entry.Begin];
        TensorFile.ReadFully(_file, data, _dataStart + entry.Begin, _path);
        return new HostTensor(type, entry.Shape, data);
    }

    public void Dispose() => _file.Dispose();

    private static SafetensorsReader Read(SafeFileHandle file, string path)
    {
        const int LengthBytes = 8;
        var fileLength = RandomAccess.GetLength(file);
        if (fileLength < LengthBytes)
            throw SafetensorsHeader.Broken(path, $"it has only {fileLength} bytes");
        Span<byte> prefix = stackalloc byte[LengthBytes];
        TensorFile.ReadFully(file, prefix, 0, path);
        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > SafetensorsHeader.MaxLength)
            throw SafetensorsHeader.Broken(path, $"its header is said to be {headerLength} bytes long, more than the {SafetensorsHeader.MaxLength} allowed");
        if ((long)headerLength > fileLength - LengthBytes)
            throw SafetensorsHeader.Broken(path, $"its header is said to be {headerLength} bytes long, but the file has {fileLength} (is it truncated?)");
        var json = new byte[headerLength];
        TensorFile.ReadFully(file, json, LengthBytes, path);
        var dataStart = LengthBytes + (long)headerLength;
        var (entries, metadata) = SafetensorsHeader.Parse(json, fileLength - dataStart, path);
        return new SafetensorsReader(file, path, dataStart, entries, metadata);
    }
}
