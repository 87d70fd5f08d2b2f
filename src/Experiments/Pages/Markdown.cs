using System.Text.RegularExpressions;

namespace OnnxMoe.Experiments.Pages;

/// <summary>Tables of a Markdown page.</summary>
internal static partial class Markdown
{
    /// <summary>A text as a cell: one line, and no sign that would end it.</summary>
    public static string Cell(string text) => text.ReplaceLineEndings(" ").Replace("|", "\\|").Trim();

    /// <summary>The texts of a row, without what <see cref="Cell"/> did to them.</summary>
    public static string[] Cells(string row) => [.. CellEnd().Split(row.Trim())[1..^1].Select(cell => cell.Replace("\\|", "|").Trim())];

    /// <summary>A table row.</summary>
    public static string Row(IEnumerable<string> cells) => $"| {string.Join(" | ", cells)} |";

    /// <summary>A table with its heading.</summary>
    public static IEnumerable<string> Table(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows) =>
        [Row(columns.Select(Cell)), Row(columns.Select(_ => "---")), .. rows.Select(row => Row(row.Select(Cell)))];

    [GeneratedRegex(@"(?<!\\)\|")]
    private static partial Regex CellEnd();
}
