using OnnxMoe.Artifacts.Manifests;

namespace OnnxMoe.Artifacts.Tokenizers;

/// <summary>Opens the tokenizer of a model folder.</summary>
public static class Tokenizer
{
    /// <summary>The tokenizer that the manifest names.</summary>
    /// <exception cref="UserError">The file is missing or damaged, or does not fit the model's vocabulary.</exception>
    public static ITokenizer Load(string modelFolder, LanguageModelSizes model)
    {
        var tokenizer = Load(modelFolder, model.Tokenizer);
        if (tokenizer.VocabularySize > model.VocabularySize || tokenizer.EndOfText != model.EndOfText)
            throw new UserError($"The tokenizer of {modelFolder} has {tokenizer.VocabularySize} tokens and ends texts with {tokenizer.EndOfText}, but its model expects {model.VocabularySize} and {model.EndOfText}.");
        return tokenizer;
    }

    /// <summary>The tokenizer of that name.</summary>
    /// <param name="modelFolder">Where its file is.</param>
    /// <param name="name">The file's name, or that of the bytes.</param>
    /// <exception cref="UserError">The file is missing or damaged.</exception>
    public static ITokenizer Load(string modelFolder, string name) => name == ByteTokenizer.Name ? new ByteTokenizer() : BpeTokenizer.Load(Path.Combine(modelFolder, name));
}
