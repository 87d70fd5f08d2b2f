using OnnxMoe.Artifacts;

namespace OnnxMoe.Placement.Clusters;

/// <summary>Clusters that are there by their name.</summary>
public static class KnownCluster
{
    /// <summary>The description that a user means: a file, or a name in the folder of clusters.</summary>
    /// <param name="wanted">What the user wrote; empty stays empty.</param>
    /// <param name="folder">Holds NAME.json for each known cluster.</param>
    /// <exception cref="UserError">Neither is there.</exception>
    public static string PathOf(string wanted, string folder)
    {
        if (wanted.Length == 0 || File.Exists(wanted))
            return wanted;
        string[] names = Directory.Exists(folder) ? [.. Directory.GetFiles(folder, "*.json").Select(file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal)] : [];
        return names.Contains(wanted) ? Path.Combine(folder, $"{wanted}.json")
            : throw new UserError($"There is no file '{wanted}', and {(names.Length == 0 ? $"no cluster in '{folder}'" : $"the clusters in '{folder}' are {string.Join(", ", names)}")}.");
    }
}
