namespace OnnxMoe.Artifacts.Reports;

/// <summary>A number that stands out at the top of a report.</summary>
/// <param name="Label">What it is.</param>
/// <param name="Value">The number as text, with its unit.</param>
/// <param name="Note">What it compares with; may be empty.</param>
public sealed record KeyFigure(string Label, string Value, string Note = "");
