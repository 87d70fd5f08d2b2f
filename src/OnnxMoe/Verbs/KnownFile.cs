using OnnxMoe.Artifacts;

namespace OnnxMoe.Cli.Verbs;

/// <summary>Files that come with the project and are called by their names: clusters, model shapes.</summary>
static class KnownFile
{
    /// <summary>The path of a file that is given by its path, or by its name in a folder of such files.</summary>
    /// <param name="given">Path or name; empty stays empty.</param>
    /// <param name="folder">Where the known ones are.</param>
    /// <param name="kind">What they are: "cluster".</param>
    /// <exception cref="UserError">There is none.</exception>
    public static string Find(string given, string folder, string kind)
    {
        if (given.Length == 0 || File.Exists(given))
            return given;
        string[] names = Directory.Exists(folder) ? [.. Directory.GetFiles(folder, "*.json").Select(file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal)] : [];
        return names.Contains(given) ? Path.Combine(folder, $"{given}.json")
            : throw new UserError($"There is no file '{given}', and {(names.Length == 0 ? $"no {kind} in '{folder}'" : $"the {kind}s in '{folder}' are {string.Join(", ", names)}")}.");
    }
}
