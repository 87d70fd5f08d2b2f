namespace OnnxMoe.Cli.Verbs;

/// <summary>All verbs, in the order in which a model meets them.</summary>
public static class VerbList
{
    public static IReadOnlyList<Verb> All { get; } =
    [
        new TrainVerb(),
        new SearchVerb(),
        new PlannedVerb("compress", "makes a trained model smaller"),
        new ExportVerb(),
        new RunVerb(),
        new PlaceVerb(),
        new MapVerb(),
        new ShardVerb(),
        new ServeVerb(),
        new CompareVerb(),
        new ReproduceVerb(),
        new RecipesVerb(),
    ];
}
