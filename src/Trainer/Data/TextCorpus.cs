using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Data;

/// <summary>Text split by document, so that what is measured was never trained on.</summary>
/// <param name="Train">Documents to learn from.</param>
/// <param name="Validation">Documents to measure progress on.</param>
/// <param name="Test">Documents for the final figure.</param>
public sealed record TextCorpus(IReadOnlyList<TextDocument> Train, IReadOnlyList<TextDocument> Validation, IReadOnlyList<TextDocument> Test)
{
    private const int LastTrainingYear = 1989;
    private const int LastValidationYear = 2003;

    /// <summary>Reads, cleans and splits the text that the options name.</summary>
    /// <exception cref="UserError">The text is missing, empty, too small to split, or not UTF-8.</exception>
    public static TextCorpus Load(DataOptions options)
    {
        var builtIn = options.Source == DataOptions.StateOfTheUnion;
        var source = builtIn ? Path.Combine(options.Folder, "raw", DataOptions.StateOfTheUnion) : options.Source;
        if (builtIn && !Directory.Exists(source))
            throw new UserError($"The State of the Union addresses are not in {source}: run 'eng/fetch-data' (or 'make setup'), or set Data:Source to your own text.");
        IEnumerable<TextDocument> documents = TextFiles.Read(source);
        if (options.Clean)
            documents = documents.Select(document => document with { Text = TextCleaner.Clean(document.Text) });
        var texts = documents.Where(document => document.Text.Length > 0).ToList();
        if (texts.Count == 0)
            throw new UserError($"There is no text in {source} (Data:Source), only empty files.");
        return builtIn ? SplitByYear(texts) : CorpusSplitter.Split(texts, options, source);
    }

    /// <summary>File names start with the year. Later years are held out: the split that a model in use would meet.</summary>
    private static TextCorpus SplitByYear(List<TextDocument> documents)
    {
        var byPart = documents.ToLookup(document => int.TryParse(document.Name.AsSpan(0, 4), out var year)
            ? (year > LastTrainingYear ? 1 : 0) + (year > LastValidationYear ? 1 : 0)
            : throw new UserError($"The file name {document.Name} does not start with a year: fetch the text again with 'eng/fetch-data'."));
        return byPart.Count == 3 ? new([.. byPart[0]], [.. byPart[1]], [.. byPart[2]])
            : throw new UserError("Some of the State of the Union addresses are missing: fetch them again with 'eng/fetch-data'.");
    }
}
