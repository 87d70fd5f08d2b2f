using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Exporter;
using OnnxMoe.Exporter.Files;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Bench.Serving;

/// <summary>Model folders with random weights, as export writes them.</summary>
internal static class RandomModel
{
    /// <param name="folder">Where to.</param>
    /// <param name="options">The model's sizes.</param>
    /// <param name="vocabulary">Token ids.</param>
    /// <param name="target">How its ops are written.</param>
    /// <param name="precision">How weights are stored.</param>
    public static void Write(string folder, ModelOptions options, int vocabulary, ExportTarget target, WeightPrecision precision)
    {
        var model = new DecoderLm(options, vocabulary, seed: 1);
        var names = OnnxWriter.Save(ModelExporter.Export(model, target, precision, "bench"), Path.Combine(folder, "model.onnx"));
        new ModelManifest(ModelManifest.CurrentFormat, "bench", ModelManifest.CausalLanguageModel, DateTimeOffset.UnixEpoch, new ParameterCount(1, 1))
        {
            LanguageModel = new LanguageModelSizes(vocabulary, options.ContextLength, options.Layers, options.HiddenSize, options.Heads, options.KvHeads, options.HiddenSize / options.Heads, ByteTokenizer.Name, 256),
            MoeLayers = [.. model.RoutedLayers.Select(layer => new MoeLayerSizes(layer.Number, options.Experts, options.ExpertsPerToken, options.ExpertHidden, true, 0, 1, 1))],
            Exports = [new ExportRecord(target.ToString().ToLowerInvariant(), precision.ToString().ToLowerInvariant(), "model.onnx", [])],
        }.WithFiles(folder, names).Save(folder);
    }
}
