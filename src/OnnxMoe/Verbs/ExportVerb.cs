using OnnxMoe.Exporter;

namespace OnnxMoe.Cli.Verbs;

/// <summary>Writes a trained model as ONNX files, each compared with the model before it is kept.</summary>
public sealed class ExportVerb : Verb
{
    public override string Name => "export";

    public override string Summary => "writes a trained model as ONNX and compares each file with the model before it is kept";

    public override string Usage => "export MODEL";

    public override string ArgumentKey => nameof(Recipe.Name);

    public override string OwnSection => "Export";

    public override IReadOnlyDictionary<string, string> Aliases => NamedModel;

    public override IReadOnlyList<string> Examples =>
    [
        "onnxmoe export demo",
        "onnxmoe export demo --target onnxmoe,onnxruntime --precision fp16",
        "onnxmoe export demo --deploy kubernetes,triton",
    ];

    public override Task RunAsync(VerbContext context)
    {
        ExportRun.Execute(ModelFolder.Existing(context, this), context.Settings.Get<ExportOptions>(OwnSection), context.Output, context.Stop);
        return Task.CompletedTask;
    }
}
