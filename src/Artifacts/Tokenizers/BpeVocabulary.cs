namespace OnnxMoe.Artifacts.Tokenizers;

/// <summary>All that a byte-level BPE tokenizer is made of; what tokenizer.json holds.</summary>
/// <param name="Tokens">The bytes of each token by id; null for an id that only <paramref name="AddedTokens"/> has.</param>
/// <param name="Merges">Pairs of token ids in order of priority.</param>
/// <param name="AddedTokens">Tokens that are found in the text as a whole, the end of text among them.</param>
/// <param name="IgnoreMerges">True when a piece that is a token as a whole becomes that token without merging (Llama 3).</param>
public sealed record BpeVocabulary(
    IReadOnlyList<byte[]?> Tokens, IReadOnlyList<(int Left, int Right)> Merges, IReadOnlyList<AddedToken> AddedTokens, bool IgnoreMerges = false);
