using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using OnnxMoe.Artifacts;
using OnnxMoe.Serving.Hosting;

namespace OnnxMoe.Serving.Http;

/// <summary>The keys that clients may have, from the settings and a file. In memory are only their hashes.</summary>
internal sealed class ApiKeyRing
{
    private readonly WatchedFiles<IReadOnlyList<NamedKey>> _keys;

    /// <exception cref="UserError">The file of keys is missing, or holds none.</exception>
    public ApiKeyRing(ServeOptions options, ILogger log, TimeProvider? time = null)
    {
        NamedKey[] own = options.ApiKey.Length > 0 ? [NamedKey.Of(options.ApiKey, null)] : [];
        IsEmpty = own.Length == 0 && options.ApiKeyFile.Length == 0;
        _keys = options.ApiKeyFile.Length == 0 ? new([], () => own, log, time) : new([options.ApiKeyFile], () => [.. own, .. Read(options.ApiKeyFile)], log, time);
    }

    /// <summary>Everyone is answered.</summary>
    public bool IsEmpty { get; }

    /// <summary>The name of a key's holder; null when nobody has this key. Takes the same time whichever key it is, and whether it is one.</summary>
    public string? HolderOf(string key)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(key));
        string? holder = null;
        foreach (var known in _keys.Value)
            if (CryptographicOperations.FixedTimeEquals(hash, known.Hash))
                holder = known.Holder;
        return holder;
    }

    private static IReadOnlyList<NamedKey> Read(string path)
    {
        if (!File.Exists(path))
            throw new UserError($"Serve:ApiKeyFile is {path}, but there is no such file.");
        NamedKey[] keys = [.. File.ReadLines(path).Select((line, i) => Parse(line, $"{path}:{i + 1}")).OfType<NamedKey>()];
        return keys.Length > 0 ? keys : throw new UserError($"{path} holds no key; write one a line, alone or after a name.");
    }

    private static NamedKey? Parse(string line, string place) => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) switch
    {
        [] => null,
        [['#', ..], ..] => null,
        [var key] => NamedKey.Of(key, null),
        [var name, var key] => NamedKey.Of(key, name),
        _ => throw new UserError($"{place} has more than two words; a line is a key, or a name and a key."),
    };

    private sealed record NamedKey(byte[] Hash, string Holder)
    {
        /// <param name="key">The key.</param>
        /// <param name="name">Its holder's name; one without is called by the beginning of the key's hash.</param>
        public static NamedKey Of(string key, string? name)
        {
            var hash = SHA256.HashData(Encoding.UTF8.GetBytes(key));
            return new(hash, name ?? $"key-{Convert.ToHexStringLower(hash.AsSpan(0, 4))}");
        }
    }
}
