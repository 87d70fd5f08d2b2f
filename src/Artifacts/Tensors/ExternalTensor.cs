using System.Globalization;
using Onnx;

namespace OnnxMoe.Artifacts.Tensors;

/// <summary>Reads ONNX external data: bytes of a file beside the model, which may not be outside of the model's folder.</summary>
internal static class ExternalTensor
{
    /// <param name="proto">A tensor whose data_location is EXTERNAL.</param>
    /// <param name="folder">The model's folder.</param>
    /// <param name="expected">Bytes that the tensor's shape and type need.</param>
    /// <param name="where">The file and tensor, for errors.</param>
    public static byte[] Read(TensorProto proto, string? folder, long expected, string where) => ReadParts(proto, folder, expected, (int)expected, [0], where);

    /// <summary>Of a tensor in equal parts, the bytes of those that are named, one after the other.</summary>
    /// <param name="proto">A tensor whose data_location is EXTERNAL.</param>
    /// <param name="folder">The model's folder.</param>
    /// <param name="expected">Bytes that the whole tensor's shape and type need.</param>
    /// <param name="partBytes">Bytes of a part.</param>
    /// <param name="parts">Numbers of the parts.</param>
    /// <param name="where">The file and tensor, for errors.</param>
    public static byte[] ReadParts(TensorProto proto, string? folder, long expected, int partBytes, IReadOnlyList<int> parts, string where)
    {
        if (folder == null)
            throw new UserError($"{where} has external data, but the model was not read from a folder.");
        var path = Locate(Text(proto, "location") ?? "", folder, where);
        var offset = Number(proto, "offset", where) ?? 0;
        var length = Number(proto, "length", where) ?? expected;
        if (length != expected)
            throw new UserError($"{where} needs {expected} bytes, but its external data are said to have {length}.");
        using var file = TensorFile.Open(path);
        var fileLength = RandomAccess.GetLength(file);
        if (offset > fileLength - length)
            throw new UserError($"{path} is truncated: {where} lies at bytes {offset} to {offset + length}, but the file has {fileLength}.");
        var data = new byte[checked(partBytes * parts.Count)];
        for (var i = 0; i < parts.Count; i++)
            TensorFile.ReadFully(file, data.AsSpan(i * partBytes, partBytes), offset + ((long)parts[i] * partBytes), path);
        return data;
    }

    private static string Locate(string location, string folder, string where)
    {
        if (location.Length == 0 || Path.IsPathRooted(location) || location.Split('/', '\\').Contains(".."))
            throw new UserError($"{where} has its data at '{location}', which is not a path inside the model's folder.");
        var path = Path.Combine(folder, location);
        if (!File.Exists(path))
            throw new UserError($"{where} has its data in {path}, which does not exist.");
        var target = File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName;
        if (target != null && !target.StartsWith(Path.GetFullPath(folder) + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            throw new UserError($"{where} has its data at '{location}', a link that leaves the model's folder.");
        return path;
    }

    private static string? Text(TensorProto proto, string key) => proto.ExternalData.LastOrDefault(entry => entry.Key == key)?.Value;

    private static long? Number(TensorProto proto, string key, string where)
    {
        if (Text(proto, key) is not { } text)
            return null;
        return long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
            : throw new UserError($"{where} has the external {key} '{text}', which is not a whole number.");
    }
}
