using OnnxMoe.Artifacts;
using OnnxMoe.Cli.Settings;
using OnnxMoe.Cli.Verbs;

namespace OnnxMoe.Cli;

/// <summary>The folder of the model that a verb works on.</summary>
public static class ModelFolder
{
    /// <summary>Where the model is, or will be: its name in the models folder, or a path.</summary>
    /// <exception cref="UserError">No model is named.</exception>
    public static string New(VerbContext context, Verb verb)
    {
        var root = context.Settings.Root;
        if (root.Name.Length == 0)
            throw new UserError($"onnxmoe {verb.Name} needs a name: onnxmoe {verb.Usage}.");
        return root.Name.Contains('/') ? root.Name : Path.Combine(root.Models, root.Name);
    }

    /// <summary>The folder of a model that is there.</summary>
    /// <exception cref="UserError">No model is named, or there is none of this name.</exception>
    public static string Existing(VerbContext context, Verb verb)
    {
        var folder = New(context, verb);
        if (Directory.Exists(folder))
            return folder;
        var names = Names(context.Settings.Root.Models);
        throw new UserError($"There is no model in {folder}; "
            + (names.Count == 0 ? "make one with 'onnxmoe train RECIPE'." : $"the nearest is '{Nearest.Of(context.Settings.Root.Name, names)}'."));
    }

    static List<string> Names(string models) =>
        !Directory.Exists(models) ? []
        : [.. Directory.EnumerateDirectories(models).Where(d => File.Exists(Path.Combine(d, "manifest.json"))).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal)];
}
