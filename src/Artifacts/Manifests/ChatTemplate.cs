using System.Text;

namespace OnnxMoe.Artifacts.Manifests;

/// <summary>
/// Writes a conversation as one text for the model to go on with. A base model was never taught a conversation's form, so the
/// default is a plain transcript: <c>user: Hello.</c>, a line break, and <c>assistant:</c> for the model to continue.
/// </summary>
/// <param name="Message">A message, with {role} and {content} filled in.</param>
/// <param name="Generation">What precedes the answer.</param>
/// <param name="Stops">Texts that show that the answer is over.</param>
public sealed record ChatTemplate(string Message, string Generation, IReadOnlyList<string> Stops)
{
    /// <summary>A plain transcript.</summary>
    public static ChatTemplate Default { get; } = new("{role}: {content}\n", "assistant:", ["\nuser:"]);

    /// <summary>The prompt of a conversation.</summary>
    public string Apply(IEnumerable<(string Role, string Content)> messages)
    {
        var text = new StringBuilder();
        foreach (var (role, content) in messages)
        {
            // Filled in one by one: a message that contains "{role}" is not to be changed.
            var at = Message.IndexOf("{content}", StringComparison.Ordinal);
            text.Append(Message[..at].Replace("{role}", role)).Append(content).Append(Message[(at + "{content}".Length)..].Replace("{role}", role));
        }
        return text.Append(Generation).ToString();
    }
}
