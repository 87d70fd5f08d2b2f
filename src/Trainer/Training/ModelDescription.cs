using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;

namespace OnnxMoe.Trainer.Training;

/// <summary>Writes down in a manifest what a trained model is.</summary>
internal static class ModelDescription
{
    public static ModelManifest Of(TrainSettings settings, DecoderLm model, ITokenizer tokenizer, JsonObject training)
    {
        var options = settings.Model;
        return Of(settings, model, ModelManifest.CausalLanguageModel, training) with
        {
            LanguageModel = new LanguageModelSizes(model.Vocabulary, options.ContextLength, options.Layers, options.HiddenSize, options.LayerHeads.Append(options.Heads).Max(),
                model.KvHeads, model.HeadSize, FileOf(tokenizer), tokenizer.EndOfText)
            {
                CacheBytesPerToken = ModelCost.CacheBytesPerToken(model),
            },
            RouterThreshold = options.Router.Selection == "topp" ? new(options.Router.TopP.P) : null,
            PreGate = model.Router is { } router ? new PreGate($"{PreGatingRouter.Part}.onnx", router.Experts) : null,
        };
    }

    public static ModelManifest Of(TrainSettings settings, TransformerModel model, ITokenizer tokenizer, JsonObject training)
    {
        if (model is DecoderLm decoder)
            return Of(settings, decoder, tokenizer, training);
        var masked = model as MaskedLm;
        return Of(settings, model, masked is null ? ModelManifest.EncoderDecoder : ModelManifest.MaskedLanguageModel, training) with
        {
            TokenModel = new TokenModelSizes(model.Vocabulary, settings.Model.ContextLength, FileOf(tokenizer), tokenizer.EndOfText, masked?.MaskId),
        };
    }

    private static string FileOf(ITokenizer tokenizer) => tokenizer is BpeTokenizer ? BpeTokenizer.FileName : ByteTokenizer.Name;

    public static ModelManifest Of(TrainSettings settings, Classifier model, JsonObject training) =>
        Of(settings, model, ModelManifest.SequenceClassifier, training) with { Classifier = model.Sizes };

    private static ModelManifest Of(TrainSettings settings, Model model, string kind, JsonObject training)
    {
        var options = settings.Model;
        return new ModelManifest(ModelManifest.CurrentFormat, settings.Name, kind, DateTimeOffset.UtcNow, ModelCost.Parameters(model))
        {
            Recipe = settings.ToRecipe(),
            MoeLayers = [.. model.RoutedLayers.GroupBy(layer => layer.Number, (number, passes) => Sizes(number, [.. passes], options))],
            Training = training,
        };
    }

    /// <param name="number">Number of the block.</param>
    /// <param name="passes">A routed layer for each iteration, of the same experts.</param>
    /// <param name="options">The recipe.</param>
    private static MoeLayerSizes Sizes(int number, RoutedLayer[] passes, ModelOptions options)
    {
        var (experts, router) = (passes[0].Experts, passes[0].Router);
        return new MoeLayerSizes(number, experts.Experts, router.ExpertsPerToken, BlockBuilder.ExpertHidden(options, number), options.Gated, BlockBuilder.SharedHidden(options, number),
            experts.ParametersPerExpert * sizeof(float), experts.FlopsPerToken)
        { Iterations = passes.Length };
    }
}
