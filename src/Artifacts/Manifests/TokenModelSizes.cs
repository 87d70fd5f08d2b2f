namespace OnnxMoe.Artifacts.Manifests;

/// <summary>What a program needs to know to run a model that reads tokens, but does not continue a text.</summary>
/// <param name="VocabularySize">Number of token ids, which is the width of the logits.</param>
/// <param name="ContextLength">Most tokens in one sequence.</param>
/// <param name="Tokenizer">File name of the tokenizer (<c>tokenizer.json</c>), or <c>bytes</c>.</param>
/// <param name="EndOfText">Token id that ends a text, and stands for the beginning of what an encoder-decoder writes.</param>
/// <param name="Mask">Token id that stands for one that is to be found; null where there is none.</param>
public sealed record TokenModelSizes(int VocabularySize, int ContextLength, string Tokenizer, int EndOfText, int? Mask);
