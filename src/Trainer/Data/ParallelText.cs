using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Data;

/// <summary>Sentences with their translations, split so that what is measured was never trained on.</summary>
/// <param name="Train">To learn from.</param>
/// <param name="Validation">To measure progress on.</param>
/// <param name="Test">For the final figure.</param>
public sealed record ParallelText(IReadOnlyList<SentencePair> Train, IReadOnlyList<SentencePair> Validation, IReadOnlyList<SentencePair> Test)
{
    /// <summary>The word of Data:Source for the Bible in English (King James) and Spanish (Reina-Valera 1909), verse by verse.</summary>
    public const string Bible = "bible-en-es";

    private const string English = "kjv";
    private const string Spanish = "rv1909";

    /// <summary>Held-out books, by testament and number in it: neighbouring verses repeat phrases, so books are never divided.</summary>
    private static readonly (string Testament, int Book)[] ValidationBooks = [("ot", 6), ("ot", 21), ("nt", 5)]; // Joshua, Ecclesiastes, Acts
    private static readonly (string Testament, int Book)[] TestBooks = [("ot", 7), ("ot", 8), ("nt", 4), ("nt", 19)]; // Judges, Ruth, John, Hebrews

    /// <summary>Reads the pairs that the options name.</summary>
    /// <exception cref="UserError">There is no such source, it was not fetched, or it is damaged.</exception>
    public static ParallelText Load(DataOptions options)
    {
        if (options.Source != Bible)
            throw new UserError($"Data:Source is '{options.Source}', but the model (Model:Backbone=encoder-decoder) translates: set Data:Source to {Bible}.");
        var folders = new[] { English, Spanish }.Select(name => Path.Combine(options.Folder, "raw", name)).ToArray();
        if (folders.FirstOrDefault(folder => !Directory.Exists(folder)) is { } missing)
            throw new UserError($"A text of {Bible} is not in {missing}: run 'eng/fetch-data' (or 'make setup').");
        var pairs = new[] { "ot", "nt" }.SelectMany(testament => Verses(folders, testament)).Where(verse => Fits(verse.Pair, options.MaxWords)).ToLookup(verse => PartOf((verse.Testament, verse.Book)), verse => verse.Pair);
        return new([.. pairs[0]], [.. pairs[1]], [.. pairs[2]]);
    }

    private static IEnumerable<(string Testament, int Book, SentencePair Pair)> Verses(string[] folders, string testament)
    {
        var (source, target) = (SwordText.Read(folders[0], testament), SwordText.Read(folders[1], testament));
        return source.Count == target.Count ? source.Zip(target, (a, b) => (testament, a.Book, new SentencePair(a.Text, b.Text)))
            : throw new UserError($"The two texts of {Bible} do not have the same verses: fetch them again with 'eng/fetch-data'.");
    }

    private static bool Fits(SentencePair pair, int most) =>
        pair.Source.Length > 0 && pair.Target.Length > 0 && (most == 0 || (Words(pair.Source) <= most && Words(pair.Target) <= most));

    private static int Words(string text) => text.Count(character => character == ' ') + 1;

    private static int PartOf((string, int) book) => ValidationBooks.Contains(book) ? 1 : TestBooks.Contains(book) ? 2 : 0;
}
