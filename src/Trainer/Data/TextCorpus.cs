using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Data;

/// <summary>The text of one source, split by document, so that what is measured was never trained on.</summary>
/// <param name="Name">The source's.</param>
/// <param name="Train">Documents to learn from.</param>
/// <param name="Validation">Documents to measure progress on.</param>
/// <param name="Test">Documents for the final figure.</param>
public sealed record TextCorpus(string Name, IReadOnlyList<TextDocument> Train, IReadOnlyList<TextDocument> Validation, IReadOnlyList<TextDocument> Test)
{
    /// <summary>Reads, cleans and splits the texts that the options name, each by itself.</summary>
    /// <exception cref="UserError">A text is missing, empty, too small to split, or not UTF-8; the sources or shares do not fit.</exception>
    public static IReadOnlyList<TextCorpus> Load(DataOptions options) => [.. TextSource.Of(options).Select(source => Load(source, options))];

    private static TextCorpus Load(TextSource source, DataOptions options)
    {
        if (source.BuiltIn is { } missing && !Directory.Exists(source.Path))
            throw new UserError($"The {missing.Title} are not in {source.Path}: run 'eng/fetch-data' (or 'make setup'), or set Data:Source to your own text.");
        IEnumerable<TextDocument> documents = TextFiles.Read(source.Path);
        if (options.Clean && source.BuiltIn is not { IsCode: true })
            documents = documents.Select(document => document with { Text = TextCleaner.Clean(document.Text) });
        var texts = documents.Where(document => document.Text.Length > 0).ToList();
        if (texts.Count == 0)
            throw new UserError($"There is no text in {source.Path} (Data:Source), only empty files.");
        return source.BuiltIn is { ByYear: true } ? BuiltInText.SplitByYear(texts, source.Name) : CorpusSplitter.Split(texts, options, source.Name);
    }
}
