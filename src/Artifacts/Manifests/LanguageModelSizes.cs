namespace OnnxMoe.Artifacts.Manifests;

/// <summary>What a program needs to know to run a language model.</summary>
/// <param name="VocabularySize">Number of token ids, which is the width of the logits.</param>
/// <param name="ContextLength">Most tokens in one sequence, prompt and continuation together.</param>
/// <param name="Layers">Number of transformer layers.</param>
/// <param name="HiddenSize">Width of the residual stream.</param>
/// <param name="Heads">Query heads a layer.</param>
/// <param name="KvHeads">Key and value heads a layer; divides <paramref name="Heads"/>.</param>
/// <param name="HeadSize">Width of one head.</param>
/// <param name="Tokenizer">File name of the tokenizer (<c>tokenizer.json</c>), or <c>bytes</c>.</param>
/// <param name="EndOfText">Token id that ends a document.</param>
public sealed record LanguageModelSizes(
    int VocabularySize, int ContextLength, int Layers, int HiddenSize, int Heads, int KvHeads, int HeadSize, string Tokenizer, int EndOfText)
{
    /// <summary>Bytes that all caches together grow by for each token of a sequence; 0 when not known.</summary>
    public long CacheBytesPerToken { get; init; }
}
