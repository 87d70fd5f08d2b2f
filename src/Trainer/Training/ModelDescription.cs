using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Trainer.Training;

/// <summary>Writes down in a manifest what a trained model is.</summary>
internal static class ModelDescription
{
    public static ModelManifest Of(TrainSettings settings, DecoderLm model, ITokenizer tokenizer, JsonObject training)
    {
        var options = settings.Model;
        return Of(settings, model, ModelManifest.CausalLanguageModel, training) with
        {
            LanguageModel = new LanguageModelSizes(model.Vocabulary, options.ContextLength, options.Layers, options.HiddenSize, options.Heads,
                model.KvHeads, model.HeadSize, tokenizer is BpeTokenizer ? BpeTokenizer.FileName : ByteTokenizer.Name, tokenizer.EndOfText)
            {
                CacheBytesPerToken = ModelCost.CacheBytesPerToken(model),
            },
            PreGate = model.Router is { } router ? new PreGate($"{PreGatingRouter.Part}.onnx", router.Experts) : null,
        };
    }

    public static ModelManifest Of(TrainSettings settings, EncoderClassifier model, JsonObject training) =>
        Of(settings, model, ModelManifest.SequenceClassifier, training) with { Classifier = model.Sizes };

    private static ModelManifest Of(TrainSettings settings, Model model, string kind, JsonObject training)
    {
        var options = settings.Model;
        return new ModelManifest(ModelManifest.CurrentFormat, settings.Name, kind, DateTimeOffset.UtcNow, ModelCost.Parameters(model))
        {
            Recipe = settings.ToRecipe(),
            MoeLayers = [.. model.RoutedLayers.Select(layer => new MoeLayerSizes(layer.Number, layer.Experts.Experts, layer.Router.ExpertsPerToken,
                BlockBuilder.ExpertHidden(options, layer.Number), options.Gated, BlockBuilder.SharedHidden(options, layer.Number),
                layer.Experts.ParametersPerExpert * sizeof(float), layer.Experts.FlopsPerToken))],
            Training = training,
        };
    }
}
