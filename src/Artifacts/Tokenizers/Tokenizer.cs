using OnnxMoe.Artifacts.Manifests;

namespace OnnxMoe.Artifacts.Tokenizers;

/// <summary>Opens the tokenizer of a model folder.</summary>
public static class Tokenizer
{
    /// <summary>The tokenizer that the manifest names.</summary>
    /// <exception cref="UserError">The file is missing or damaged, or does not fit the model's vocabulary.</exception>
    public static ITokenizer Load(string modelFolder, LanguageModelSizes model)
    {
        ITokenizer tokenizer = model.Tokenizer == ByteTokenizer.Name ? new ByteTokenizer() : BpeTokenizer.Load(Path.Combine(modelFolder, model.Tokenizer));
        if (tokenizer.VocabularySize > model.VocabularySize || tokenizer.EndOfText != model.EndOfText)
            throw new UserError($"The tokenizer of {modelFolder} has {tokenizer.VocabularySize} tokens and ends texts with {tokenizer.EndOfText}, but its model expects {model.VocabularySize} and {model.EndOfText}.");
        return tokenizer;
    }
}
