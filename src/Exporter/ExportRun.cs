using OnnxMoe.Artifacts;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Exporter;

/// <summary>The stage export: a trained model becomes ONNX files, each compared with the model before it is published.</summary>
public static class ExportRun
{
    /// <param name="modelFolder">The folder that training made; the files are added to it.</param>
    /// <param name="log">Takes progress.</param>
    /// <exception cref="UserError">No trained model, a target that cannot express it, or a file that differs from it.</exception>
    public static void Execute(string modelFolder, ExportOptions options, TextWriter log, CancellationToken cancellation)
    {
        var names = options.Targets().Select(target => ExportFiles.Name(target, options.Weights())).Distinct().ToArray(); // first: a misspelled target is told at once
        var trained = TrainedModel.Load(modelFolder);
        var tokens = HeldOutText.Load(modelFolder, trained.Manifest, options.Text, options.VerificationTokens, log);
        new ExportJob(trained.Model, trained.Manifest, tokens, options, log).Run(modelFolder, cancellation);
        foreach (var name in trained.Manifest.PreGate is { } gate ? [.. names, gate.File] : names)
            log.WriteLine(Path.Combine(modelFolder, name));
    }
}
