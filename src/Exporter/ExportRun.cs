using OnnxMoe.Artifacts;
using OnnxMoe.Exporter.Deployment;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;
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
        var deployments = options.Deployments();
        var trained = TrainedModel.Load(modelFolder);
        Job(modelFolder, trained, options, log).Run(modelFolder, cancellation);
        foreach (var name in trained.Manifest.PreGate is { } gate ? [.. names, gate.File] : names)
            log.WriteLine(Path.Combine(modelFolder, name));
        if (deployments.Count > 0)
            DeployJob.Run(modelFolder, names[0], deployments, log);
    }

    private static ExportJob Job(string modelFolder, TrainedModel trained, ExportOptions options, TextWriter log)
    {
        if (trained.Manifest.LanguageModel is not null)
            return new ExportJob(trained.Model, trained.Manifest, HeldOutText.Load(modelFolder, trained.Manifest, options.Text, options.VerificationTokens, log), options, log);
        if (trained.Any is TransformerModel transformer)
            return new ExportJob(transformer, trained.Manifest, [new AllOutputsCheck(transformer, HeldOutTokens.Load(transformer, trained.Manifest, log))], null, options, log);
        if (options.Text.Length > 0)
            throw new UserError($"Export:Text is given, but {trained.Manifest.Name} is a {trained.Manifest.Kind}, which reads no text.");
        return new ExportJob(trained.Any, trained.Manifest, [new AllOutputsCheck(trained.Any, HeldOutSequences.Load((Classifier)trained.Any, trained.Manifest, log))], null, options, log);
    }
}
