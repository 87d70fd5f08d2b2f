namespace OnnxMoe.Artifacts.Placement;

/// <summary>Whether a plan belongs to a model and to a trace. It says by hashes what it was made from; another thing of the same name is refused.</summary>
public static class PlacementTies
{
    const string Weights = "weights.safetensors";

    /// <summary>Throws when the plan was made for other layers, or for other weights than the manifest of the model folder lists.</summary>
    /// <param name="plan">The plan; one made without knowing the weights is compared by its layers alone.</param>
    /// <param name="where">Name of its file.</param>
    /// <param name="modelFolder">The folder of manifest.json.</param>
    /// <exception cref="UserError">They do not belong together, or there is no model.</exception>
    public static void ToModel(PlacementPlan plan, string where, string modelFolder)
    {
        var manifest = ModelManifest.Load(modelFolder);
        PlacementCheck.Matches(plan, [.. manifest.MoeLayers.Select(l => (l.Layer, l.Experts))], where);
        if (plan.Source.ModelHash.Length > 0 && manifest.Files.GetValueOrDefault(Weights) is { } hash && !hash.Equals(plan.Source.ModelHash, StringComparison.OrdinalIgnoreCase))
            throw new UserError($"{where} was made for other weights of '{plan.Source.Model}' (SHA-256 {plan.Source.ModelHash}) than those in {modelFolder} ({hash}); plan again with 'onnxmoe place'.");
    }

    /// <summary>Throws when the plan was made from another trace (or other expert counts) than this file.</summary>
    /// <inheritdoc cref="ToModel"/>
    /// <param name="plan">The plan; one that does not say its trace's hash is not compared.</param>
    /// <param name="where">Name of its file.</param>
    /// <param name="traceFile">The trace.</param>
    public static void ToTrace(PlacementPlan plan, string where, string traceFile)
    {
        if (!File.Exists(traceFile))
            throw new UserError($"There is no trace {traceFile}; {where} was made from {plan.Source.Trace}.");
        if (plan.Source.TraceHash.Length > 0 && Checksums.Sha256(traceFile) is var hash && hash != plan.Source.TraceHash)
            throw new UserError($"{where} was made from another trace ({plan.Source.Trace}, SHA-256 {plan.Source.TraceHash}) than {traceFile} ({hash}); give that one with --trace, or plan again.");
    }
}
