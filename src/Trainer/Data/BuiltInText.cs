using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Data;

/// <summary>A text that <c>eng/fetch-data</c> fetches; <c>Data:Source</c> names it.</summary>
/// <param name="Name">In <c>Data:Source</c>, and its folder under <c>raw/</c>.</param>
/// <param name="Title">What it is, in an error.</param>
internal sealed record BuiltInText(string Name, string Title)
{
    private const int LastTrainingYear = 1989;
    private const int LastValidationYear = 2003;

    public static readonly IReadOnlyList<BuiltInText> All =
    [
        new(DataOptions.StateOfTheUnion, "State of the Union addresses") { ByYear = true },
        new("manpages", "Linux manual pages"),
        new("foldoc", "entries of the Free On-line Dictionary of Computing"),
        new("code", "source files of three.js") { IsCode = true },
    ];

    public static string Names => string.Join(", ", All.Select(text => text.Name));

    /// <summary>Whether file names start with a year, by which the text is split.</summary>
    public bool ByYear { get; private init; }

    /// <summary>Whether it is program code, whose blanks are kept whatever <c>Data:Clean</c> says.</summary>
    public bool IsCode { get; private init; }

    /// <summary>Later years are held out: the split that a model in use would meet.</summary>
    /// <exception cref="UserError">Documents are missing or have other names.</exception>
    public static TextCorpus SplitByYear(List<TextDocument> documents, string name)
    {
        var byPart = documents.ToLookup(document => int.TryParse(document.Name.AsSpan(0, 4), out var year)
            ? (year > LastTrainingYear ? 1 : 0) + (year > LastValidationYear ? 1 : 0)
            : throw new UserError($"The file name {document.Name} does not start with a year: fetch the text again with 'eng/fetch-data'."));
        return byPart.Count == 3 ? new(name, [.. byPart[0]], [.. byPart[1]], [.. byPart[2]])
            : throw new UserError("Some of the State of the Union addresses are missing: fetch them again with 'eng/fetch-data'.");
    }
}
