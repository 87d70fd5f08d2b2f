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
        var (manifest, measures) = (trained.Manifest, options.Weights() != WeightPrecision.Fp32);
        if (manifest.LanguageModel is { } language)
        {
            var tokens = HeldOutText.Load(modelFolder, manifest, options.Text, Math.Min(options.VerificationTokens, language.ContextLength), log);
            return new ExportJob(trained.Model, manifest, tokens, options, log)
            {
                Quality = measures ? HeldOutQuality.OfText(trained.Model, HeldOutText.Load(modelFolder, manifest, options.Text, options.QualityTokens, TextWriter.Null), language.ContextLength) : null,
            };
        }
        if (trained.Any is TransformerModel transformer)
        {
            return new ExportJob(transformer, manifest, [new AllOutputsCheck(transformer, HeldOutTokens.Load(modelFolder, transformer, manifest, log))], null, options, log)
            {
                Quality = measures ? HeldOutQuality.OfTokens(modelFolder, transformer, manifest, options.QualityTokens) : null,
            };
        }
        if (options.Text.Length > 0)
            throw new UserError($"Export:Text is given, but {manifest.Name} is a {manifest.Kind}, which reads no text.");
        var classifier = (Classifier)trained.Any;
        return new ExportJob(classifier, manifest, [new AllOutputsCheck(classifier, HeldOutSequences.Load(classifier, manifest, log))], null, options, log)
        {
            Quality = measures ? HeldOutQuality.OfSequences(classifier, manifest, options.QualityTokens) : null,
        };
    }
}
