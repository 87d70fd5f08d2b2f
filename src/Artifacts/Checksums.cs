using System.Security.Cryptography;

namespace OnnxMoe.Artifacts;

/// <summary>SHA-256 checksums of the files of a model folder.</summary>
public static class Checksums
{
    /// <summary>The SHA-256 of a file as 64 lower-case hexadecimal digits.</summary>
    public static string Sha256(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1, FileOptions.SequentialScan);
        return Convert.ToHexStringLower(SHA256.HashData(stream));
    }

    /// <summary>Name to SHA-256 of the named files in <paramref name="folder"/>, sorted by name.</summary>
    public static SortedDictionary<string, string> Of(string folder, IEnumerable<string> names)
    {
        var sums = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in names)
            sums[name] = Sha256(Path.Combine(folder, name));
        return sums;
    }

    /// <summary>Checks the given files of <paramref name="folder"/>.</summary>
    /// <param name="expected">File name to SHA-256.</param>
    /// <exception cref="UserError">A file is missing, or is not the one described: names it, what was expected and what was found.</exception>
    public static void Verify(string folder, IEnumerable<KeyValuePair<string, string>> expected)
    {
        foreach (var (name, sum) in expected)
        {
            var path = Path.Combine(folder, name);
            if (!File.Exists(path))
                throw new UserError($"{path} is missing, although {ModelManifest.FileName} lists it; make the file again or correct the manifest.");
            var found = Sha256(path);
            if (!found.Equals(sum, StringComparison.OrdinalIgnoreCase))
                throw new UserError($"{path} was truncated or changed after it was written: expected SHA-256 {sum}, found {found} ({new FileInfo(path).Length} bytes).");
        }
    }
}
