using System.Text;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Serving.Generation;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>The text that stands for a single token in lists of probabilities.</summary>
internal static class TokenText
{
    /// <summary>The token's text; bytes that are no whole character are shown as U+FFFD.</summary>
    public static string Text(this ITokenizer tokenizer, int token) => Encoding.UTF8.GetString(tokenizer.BytesOf(token));

    /// <summary>OpenAI's word for the reason; null while the choice goes on.</summary>
    public static string? Word(this FinishReason? reason) => reason switch
    {
        FinishReason.Stop => "stop",
        FinishReason.Length => "length",
        _ => null,
    };
}
