using System.Security.Cryptography;
using System.Text;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Data;

/// <summary>
/// Splits own text. Three documents or more are split as wholes, chosen by a hash of their names, so that adding a document moves
/// few others. Fewer are joined and cut at line ends (or spaces): the last parts are held out.
/// </summary>
internal static class CorpusSplitter
{
    private const int FewestDocuments = 3;

    /// <param name="documents">The text.</param>
    /// <param name="options">How much is held out.</param>
    /// <param name="name">The source's.</param>
    /// <exception cref="UserError">Nothing would be left to train on.</exception>
    public static TextCorpus Split(List<TextDocument> documents, DataOptions options, string name)
    {
        var corpus = documents.Count >= FewestDocuments ? SplitDocuments(documents, options, name) : SplitText(documents, options, name);
        return corpus.Train.Count > 0 && corpus.Validation.Count > 0 ? corpus
            : throw new UserError($"The text in {name} cannot be split into training and validation: it is too short, or Data:ValidationFraction is 0 or too large.");
    }

    private static TextCorpus SplitDocuments(List<TextDocument> documents, DataOptions options, string source)
    {
        var total = documents.Sum(document => (long)document.Text.Length);
        var shuffled = new Queue<TextDocument>(documents.OrderBy(document => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(document.Name))), StringComparer.Ordinal));
        var validation = Take(shuffled, options.ValidationFraction * total);
        var test = Take(shuffled, options.TestFraction * total);
        return new(source, InOrder(shuffled), InOrder(validation), InOrder(test));
    }

    private static List<TextDocument> Take(Queue<TextDocument> documents, double characters)
    {
        var taken = new List<TextDocument>();
        for (var sum = 0L; sum < characters && documents.Count > 1; sum += taken[^1].Text.Length)
            taken.Add(documents.Dequeue());
        return taken;
    }

    private static List<TextDocument> InOrder(IEnumerable<TextDocument> documents) => [.. documents.OrderBy(document => document.Name, StringComparer.Ordinal)];

    private static TextCorpus SplitText(List<TextDocument> documents, DataOptions options, string source)
    {
        var text = string.Join("\n\n", documents.Select(document => document.Text));
        var name = string.Join("+", documents.Select(document => document.Name));
        var trainEnd = CutNear(text, (int)(text.Length * (1 - options.ValidationFraction - options.TestFraction)));
        var validationEnd = Math.Max(trainEnd, CutNear(text, (int)(text.Length * (1 - options.TestFraction))));
        return new(source, Part(text[..trainEnd]), Part(text[trainEnd..validationEnd]), Part(text[validationEnd..]));

        List<TextDocument> Part(string part) => part.Length > 0 ? [new(name, part)] : [];
    }

    /// <summary>The first end of a line at or after the position if one is near, else of a word.</summary>
    private static int CutNear(string text, int position)
    {
        const int Near = 10_000;
        if (position >= text.Length)
            return text.Length;
        var window = text.AsSpan(position, Math.Min(Near, text.Length - position));
        var offset = window.IndexOf('\n') is var line and >= 0 ? line : window.IndexOf(' ');
        return offset >= 0 ? position + offset + 1 : text.Length;
    }
}
