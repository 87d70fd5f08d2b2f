using OnnxMoe.Exporter.Running;

namespace OnnxMoe.Cli.Verbs;

/// <summary>Runs any ONNX model on tensors from files.</summary>
public sealed class RunVerb : Verb
{
    public override string Name => "run";

    public override string Summary => "runs any ONNX model on tensors from files, by ONNX Runtime or by torch";

    public override string Usage => "run MODEL.onnx";

    public override string ArgumentKey => "Run:Model";

    public override string OwnSection => "Run";

    public override IReadOnlyList<string> Examples => ["onnxmoe run model.onnx --inputs DIR --outputs DIR --engine torch"];

    public override Task RunAsync(VerbContext context)
    {
        ModelRunner.Execute(context.Settings.Get<RunOptions>(OwnSection), context.Output);
        return Task.CompletedTask;
    }
}
