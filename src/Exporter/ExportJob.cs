using System.Globalization;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Files;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Exporter;

/// <summary>
/// Writes a model in one or more forms, compares each with the model, and publishes the files together with the
/// manifest only if all agree.
/// </summary>
/// <param name="model">The trained model.</param>
/// <param name="manifest">The folder's manifest; the new one adds the exports.</param>
/// <param name="checks">The comparisons that each file must pass.</param>
/// <param name="router">The comparison that the router before the model must pass; null where there is none.</param>
/// <param name="log">Takes a line for each file and check.</param>
public sealed class ExportJob(Model model, ModelManifest manifest, IReadOnlyList<ModelCheck> checks, ModelCheck? router, ExportOptions options, TextWriter log)
{
    /// <summary>Exports a language model.</summary>
    /// <param name="model">The trained model.</param>
    /// <param name="manifest">The folder's manifest; the new one adds the exports.</param>
    /// <param name="tokens">Held-out text to compare on.</param>
    /// <param name="options">Targets, precision, tolerance.</param>
    /// <param name="log">Takes a line for each file and check.</param>
    public ExportJob(Model model, ModelManifest manifest, long[] tokens, ExportOptions options, TextWriter log)
        : this(model, manifest, [.. CallerInputs.For(manifest).Select(caller => new CausalLmChecks(model, tokens, caller))],
            model is DecoderLm { Router: { } router } ? new CausalLmChecks(router, tokens) : null, options, log)
    {
    }

    /// <summary>What storing weights in fewer bits may cost; null where there are no data to measure it on: then outputs are compared with the float32 model's.</summary>
    public HeldOutQuality? Quality { get; init; }

    /// <summary>Exports into the model folder.</summary>
    /// <returns>The new manifest.</returns>
    /// <exception cref="UserError">
    /// A target cannot express the model, a file differs from the model beyond the tolerance, or the disk is full: nothing
    /// is left behind and old files are untouched.
    /// </exception>
    public ModelManifest Run(string modelFolder, CancellationToken cancellation)
    {
        var precision = options.Weights();
        using var files = new FileSet(modelFolder);
        var records = new List<ExportRecord>();
        var published = new List<string>();
        var before = Quality is { } quality && precision != WeightPrecision.Fp32 ? quality.Of(inputs => TorchRunner.Run(model, inputs)["logits"], cancellation) : 0;
        foreach (var targets in options.Targets().GroupBy(target => ExportFiles.Name(target, precision)))
        {
            var path = files.PathOf(targets.Key);
            var exported = ModelExporter.Export(model, targets.First(), precision, manifest.Name);
            if (precision.CodeBits() is not null && exported.Quantized.Count == 0)
                throw new UserError($"{manifest.Name} has no matrix that {precision.Word()} could store (products with both sides of 32 or more, convolutions not among them); export it as fp32 or fp16.");
            published.AddRange(Write(exported, path));
            using var weights = new RoundedWeights(exported);
            records.AddRange(targets.Select(target => Verify(target, exported, path, weights, before, cancellation)));
        }
        if (manifest.PreGate is { } gate && model is DecoderLm { Router: { } ahead } && router is not null)
            records.Add(WriteRouter(ahead, router, gate, files, published, cancellation));
        var kept = manifest.Exports.Where(old => !published.Contains(old.File));
        var updated = (manifest with { Exports = [.. kept.Concat(records).OrderBy(record => record.File, StringComparer.Ordinal)] })
            .WithFiles(files.Staging, published);
        updated.Save(files.Staging);
        files.Publish();
        return updated;
    }

    /// <summary>The router that runs before the model: standard operators in fp32 whatever the model is exported for, since it is small.</summary>
    private ExportRecord WriteRouter(PreGatingRouter ahead, ModelCheck check, PreGate gate, FileSet files, List<string> published, CancellationToken cancellation)
    {
        var path = files.PathOf(gate.File);
        var exported = ModelExporter.Export(ahead, ExportTarget.Onnx, WeightPrecision.Fp32, $"{manifest.Name}-router");
        published.AddRange(Write(exported, path));
        using var session = new OnnxSession(path);
        var passed = Passed(check.Run(session, "/router", ModelExporter.AllowsLeftPadding(exported), cancellation), ExportTarget.Onnx);
        return new ExportRecord("onnx", "fp32", gate.File, [.. passed]);
    }

    private IReadOnlyList<string> Write(ExportedModel exported, string path)
    {
        var names = OnnxWriter.Write(exported, path);
        var calls = exported.Proto.Graph.Node.GroupBy(node => node.Domain).Where(group => group.Key.Length > 0)
            .Select(group => $"{group.Count()} of {(group.Key == OpSet.MoeDomain ? "the MoE functions" : group.Key)}");
        log.WriteLine($"{Path.GetFileName(path)}: {string.Join(", ", [$"{exported.Proto.Graph.Node.Count} nodes", .. calls])}, "
            + $"{names.Sum(name => new FileInfo(Path.Combine(Path.GetDirectoryName(path)!, name)).Length) / 1e6:F1} MB");
        return names;
    }

    private ExportRecord Verify(ExportTarget target, ExportedModel exported, string path, RoundedWeights weights, double before, CancellationToken cancellation)
    {
        var passed = new List<ExportCheck>();
        ExportQuality? quality = null;
        var runs = target == ExportTarget.OnnxMoe
            ? new (string Label, string? Kernels)[] { ("/kernels", KernelLibrary.Locate()), ("/functions", null) }
            : [("", null)];
        foreach (var (label, kernels) in runs)
        {
            using var session = new OnnxSession(path, kernels);
            var rounds = kernels is not null && exported.Precision.CodeBits() is not null;
            var leftPadding = ModelExporter.AllowsLeftPadding(exported);
            passed.AddRange(Passed(checks.SelectMany(check => check.Run(session, label, leftPadding, cancellation, weights, rounds)), target));
            if (exported.Precision != WeightPrecision.Fp32 && label == runs[0].Label) // as it will be served
                quality = Measure(session, leftPadding, before, target, cancellation);
        }
        return new ExportRecord(Word(target), exported.Precision.Word(), Path.GetFileName(path), passed)
        {
            BlockSize = exported.Precision.CodeBits() is null ? null : BlockCodes.BlockSize,
            Quality = quality,
        };
    }

    /// <summary>What the precision costs, logged.</summary>
    private ExportQuality Measure(OnnxSession session, bool leftPadding, double before, ExportTarget target, CancellationToken cancellation)
    {
        if (Quality is null)
        {
            var difference = checks[0].Run(session, "", leftPadding, cancellation, weights: null, rounds: true).Max(check => check.MaxRelative);
            log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {Word(target)}: outputs within {difference:G2} of the float32 model's, relative to the largest"));
            return new("difference", 0, difference, 0);
        }
        var after = Quality.Of(inputs => session.Run(inputs, ["logits"])["logits"], cancellation);
        var change = Math.Round((after - before) / before, 3);
        log.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"  {Word(target)}: {Quality.Metric} on held-out data: {before:G4} -> {after:G4} ({change:+0.0 %;-0.0 %;0.0 %}), {Quality.Count} predictions"));
        return new(Quality.Metric, before, after, Quality.Count);
    }

    private static string Word(ExportTarget target) => target.ToString().ToLowerInvariant();

    /// <summary>The checks one by one, each logged, up to the first that does not pass.</summary>
    private IEnumerable<ExportCheck> Passed(IEnumerable<ExportCheck> results, ExportTarget target)
    {
        foreach (var check in results)
        {
            log.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {Word(target)} {check.Name}: within {check.MaxAbsolute:G2} (relative {check.MaxRelative:G2}")
                + (check.MeanRelative is { } mean ? string.Create(CultureInfo.InvariantCulture, $", in the mean {mean:G2})") : ")"));
            var (off, setting, tolerance) = check.MeanRelative is null
                ? (check.MaxRelative, nameof(options.Tolerance), options.Tolerance)
                : (check.MeanRelative.Value, nameof(options.RoundingTolerance), options.RoundingTolerance);
            if (!(off <= tolerance))
                throw new UserError(string.Create(CultureInfo.InvariantCulture, $"The export for {Word(target)} differs from the model: in '{check.Name}' an output is off by {check.MaxAbsolute:G3}, ")
                    + string.Create(CultureInfo.InvariantCulture, $"relatively {off:G3}, and Export:{setting} is {tolerance:G3}; nothing was written."));
            yield return check;
        }
    }
}
