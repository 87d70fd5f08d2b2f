namespace OnnxMoe.Experiments;

/// <summary>A table of an experiment's page besides those of its arms.</summary>
/// <param name="Heading">Above it.</param>
/// <param name="Text">A sentence on how to read it; may be empty.</param>
/// <param name="Columns">Headings.</param>
/// <param name="Rows">Cells, one for each column.</param>
public sealed record ResultTable(string Heading, string Text, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows);
