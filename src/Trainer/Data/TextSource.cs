using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Data;

/// <summary>One of the texts that <c>Data:Source</c> names.</summary>
/// <param name="Name">As it is written there.</param>
/// <param name="Path">The file or folder.</param>
/// <param name="BuiltIn">What is known about a built-in text; null for own text.</param>
/// <param name="Share">Its part of the training windows; the shares of all sources sum to 1.</param>
internal sealed record TextSource(string Name, string Path, BuiltInText? BuiltIn, double Share)
{
    /// <summary>The sources in the order of the setting, with their shares.</summary>
    /// <exception cref="UserError">No source, one twice, or shares that do not fit.</exception>
    public static IReadOnlyList<TextSource> Of(DataOptions options)
    {
        var names = Names(options.Source);
        var shares = Shares(options.Shares, names);
        var sources = names.Select((name, i) => Named(name, options.Folder, shares[i])).ToArray();
        var twice = sources.GroupBy(source => System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(source.Path))).FirstOrDefault(same => same.Count() > 1);
        return twice is null ? sources
            : throw new UserError($"Data:Source names the same text twice: {string.Join(" and ", twice.Select(source => $"'{source.Name}'"))}.");
    }

    /// <summary>A file or folder may have a comma in its name: what exists as a whole is one source.</summary>
    private static string[] Names(string source)
    {
        var names = File.Exists(source) || Directory.Exists(source) ? [source] : source.Split(',', StringSplitOptions.TrimEntries);
        return names.Contains("") ? throw new UserError($"Data:Source is '{source}'; it must name a text, or several separated by commas.") : names;
    }

    private static TextSource Named(string name, string folder, double share)
    {
        var builtIn = BuiltInText.All.FirstOrDefault(text => text.Name == name);
        return new(name, builtIn is null ? name : System.IO.Path.Combine(folder, "raw", name), builtIn, share);
    }

    private static double[] Shares(double[] shares, string[] names)
    {
        if (shares.Length == 0)
            return [.. names.Select(_ => 1.0 / names.Length)];
        if (shares.Length != names.Length)
            throw new UserError($"Data:Shares has {shares.Length} numbers, but Data:Source names {names.Length} texts; give one number for each text, or none for equal shares.");
        if (shares.Any(share => !(share >= 0 && double.IsFinite(share))))
            throw new UserError($"Data:Shares is {string.Join(',', shares)}; a share must be 0 or more.");
        var sum = shares.Sum();
        return sum > 0 && double.IsFinite(sum) ? [.. shares.Select(share => share / sum)]
            : throw new UserError($"Data:Shares is {string.Join(',', shares)}; at least one share must be more than 0, and their sum finite.");
    }
}
