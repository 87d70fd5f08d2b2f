using System.Text;
using System.Text.Unicode;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Serving.Generation;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>The text that stands for a single token in lists of probabilities.</summary>
internal static class TokenText
{
    /// <summary>The token's text; bytes that are no whole characters as OpenAI writes them, for example <c>bytes:\xe4\xb8</c>.</summary>
    public static string Text(this ITokenizer tokenizer, int token)
    {
        var bytes = tokenizer.BytesOf(token);
        return Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : "bytes:" + string.Concat(bytes.ToArray().Select(value => $"\\x{value:x2}"));
    }

    /// <summary>OpenAI's word for the reason; null while the choice goes on.</summary>
    public static string? Word(this FinishReason? reason) => reason switch
    {
        FinishReason.Stop => "stop",
        FinishReason.Length => "length",
        _ => null,
    };
}
