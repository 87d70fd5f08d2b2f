using System.Text.Json;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Exporter.Verification;

/// <summary>What a model that fills in or translates was not trained on.</summary>
internal static class HeldOutTask
{
    /// <param name="modelFolder">Where the model's tokenizer is, which so need not be learnt again.</param>
    /// <param name="model">What is measured.</param>
    /// <param name="manifest">Names the data and the tokenizer.</param>
    /// <param name="tokens">Tokens of an evaluation.</param>
    /// <exception cref="UserError">The data or the tokenizer are not here.</exception>
    public static TokenTask Open(string modelFolder, TransformerModel model, ModelManifest manifest, int tokens)
    {
        var data = manifest.Recipe?["Data"]?.Deserialize<DataOptions>() ?? throw new UserError("The manifest does not say what the training data were.");
        var sizes = manifest.TokenModel ?? throw new UserError("The manifest does not say which tokenizer the model has.");
        return TokenTask.HeldOutOf(data, model.Options, tokens, Tokenizer.Load(modelFolder, sizes.Tokenizer));
    }
}
