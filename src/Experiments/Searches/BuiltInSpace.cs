using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Experiments.Searches;

/// <summary>The search spaces of models/spaces, built into the assembly.</summary>
internal static class BuiltInSpace
{
    /// <param name="name">Of the file, without its extension.</param>
    public static SearchSpace Read(string name)
    {
        using var text = new StreamReader(typeof(BuiltInSpace).Assembly.GetManifestResourceStream($"{name}.json")!);
        return SearchSpaceFile.Parse(text.ReadToEnd());
    }
}
