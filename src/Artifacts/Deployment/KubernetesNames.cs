using System.Security.Cryptography;
using System.Text;

namespace OnnxMoe.Artifacts.Deployment;

/// <summary>Names that Kubernetes accepts for every kind of object: DNS labels of RFC 1035 (letters a-z, digits, dashes; a letter first).</summary>
public static class KubernetesNames
{
    const int HashDigits = 8;

    /// <summary>A label that is like <paramref name="text"/>; what is too long or has nothing usable gets a hash of the text.</summary>
    /// <param name="text">Any name.</param>
    /// <param name="longest">Most characters; at most 63 for Kubernetes.</param>
    public static string Label(string text, int longest = 63)
    {
        var label = new StringBuilder();
        foreach (var c in text.ToLowerInvariant())
        {
            if (char.IsAsciiLetterOrDigit(c))
                label.Append(c);
            else if (label.Length > 0 && label[^1] != '-')
                label.Append('-');
        }
        var plain = label.ToString().Trim('-');
        if (plain.Length == 0)
            return $"x-{Hash(text)}";
        if (!char.IsAsciiLetter(plain[0]))
            plain = $"x{plain}";
        return plain.Length <= longest ? plain : Hashed(plain, text, longest);
    }

    /// <summary>A label for each of the different names, no two of them alike.</summary>
    public static IReadOnlyList<string> Unique(IReadOnlyList<string> names, int longest = 63)
    {
        var labels = names.Select(name => Label(name, longest)).ToList();
        var shared = labels.CountBy(label => label).Where(label => label.Value > 1).Select(label => label.Key).ToHashSet();
        return [.. labels.Select((label, i) => shared.Contains(label) ? Hashed(label, names[i], longest) : label)];
    }

    static string Hashed(string label, string text, int longest) =>
        $"{label[..Math.Min(label.Length, longest - HashDigits - 1)].TrimEnd('-')}-{Hash(text)}";

    static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..HashDigits];
}
