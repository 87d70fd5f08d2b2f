namespace OnnxMoe.Artifacts.Reports;

/// <summary>A table of a report. Columns whose cells are all numbers are set flush right.</summary>
/// <param name="Columns">Headings.</param>
/// <param name="Rows">Cells as text, one for each column.</param>
/// <param name="Highlighted">Index of a row to set off (the chosen one); -1 for none.</param>
public sealed record ReportTable(IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows, int Highlighted = -1);
