using OnnxMoe.Serving;

namespace OnnxMoe.Cli.Verbs;

/// <summary>Serves a model over HTTP until it is told to stop.</summary>
public sealed class ServeVerb : Verb
{
    public override string Name => "serve";

    public override string Summary => "serves an exported model over HTTP: OpenAI-compatible and Open Inference Protocol";

    public override string Usage => "serve MODEL";

    public override string ArgumentKey => nameof(Recipe.Name);

    public override string OwnSection => "Serve";

    public override IReadOnlyDictionary<string, string> Aliases => NamedModel;

    public override IReadOnlyList<string> Examples => ["onnxmoe serve demo --port 8080 --trace on", "onnxmoe serve demo --devices 4"];

    public override Task RunAsync(VerbContext context) =>
        ServeRun.ExecuteAsync(ModelFolder.Existing(context, this), context.Settings.Get<ServeOptions>(OwnSection), context.Output, context.Stop);
}
