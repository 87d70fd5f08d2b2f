namespace OnnxMoe.Experiments;

/// <summary>A further table of an experiment's page.</summary>
/// <param name="Heading">Its heading.</param>
/// <param name="Text">What it shows, in a few sentences.</param>
/// <param name="Columns">Headings of the columns.</param>
/// <param name="Rows">Cells, one for each column.</param>
public sealed record ResultTable(string Heading, string Text, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows);
