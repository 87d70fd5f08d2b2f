using OnnxMoe.Artifacts.Tokenizers;

namespace OnnxMoe.Trainer.Data;

/// <summary>Texts as tokens: what is kept in the cache.</summary>
/// <param name="Tokenizer">Learnt from the training splits of all sources, or bytes.</param>
/// <param name="Sources">For each source its tokens.</param>
internal sealed record EncodedText(ITokenizer Tokenizer, IReadOnlyList<SplitTokens> Sources);
