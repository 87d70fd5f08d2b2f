namespace OnnxMoe.Cli.Verbs;

/// <summary>All verbs, in the order in which a model meets them.</summary>
public static class VerbList
{
    public static IReadOnlyList<Verb> All { get; } =
    [
        new PlannedVerb("train", "trains a model as a recipe says"),
        new PlannedVerb("search", "searches a supernet for the best subnetworks"),
        new PlannedVerb("compress", "makes a trained model smaller"),
        new PlannedVerb("export", "writes a trained model as ONNX and checks it"),
        new RunVerb(),
        new PlannedVerb("place", "plans which GPU holds which expert"),
        new PlannedVerb("serve", "serves a model over HTTP"),
        new PlannedVerb("reproduce", "repeats a published system's result"),
        new RecipesVerb(),
    ];
}
