using System.Globalization;
using System.Net;
using System.Text;

namespace OnnxMoe.Artifacts.Reports;

/// <summary>
/// Builds a report as one HTML page that needs nothing else: style, data and Apache ECharts are inside, so it opens from
/// any folder without a network. Everything given is text and is escaped. Sections follow each other in the order of the calls.
/// </summary>
public sealed class HtmlReport
{
    readonly StringBuilder _body = new();
    readonly string _title;
    readonly string _summary;
    bool _inSection;
    int _charts;

    /// <param name="title">Heading of the page and name of its browser tab.</param>
    /// <param name="summary">A sentence or two under the heading: the result, for a reader who stops there.</param>
    public HtmlReport(string title, string summary = "") => (_title, _summary) = (title, summary);

    /// <summary>Starts a section; what is added next belongs to it.</summary>
    public HtmlReport Section(string heading, string text = "")
    {
        CloseSection();
        _body.Append("<section>\n<h2>").Append(Escape(heading)).Append("</h2>\n");
        _inSection = true;
        return text == "" ? this : Text(text);
    }

    /// <summary>Adds a paragraph.</summary>
    public HtmlReport Text(string text) => Append($"<p>{Escape(text)}</p>\n");

    /// <summary>Adds a paragraph that must not be overlooked.</summary>
    public HtmlReport Warning(string text) => Append($"<p class=\"warning\" role=\"note\">{Escape(text)}</p>\n");

    /// <summary>Adds a row of numbers that stand out.</summary>
    public HtmlReport KeyFigures(params IReadOnlyList<KeyFigure> figures)
    {
        Append("<dl class=\"figures\">\n");
        foreach (var (label, value, note) in figures)
        {
            Append($"<div><dt>{Escape(label)}</dt><dd>{Escape(value)}</dd>");
            Append(note == "" ? "</div>\n" : $"<dd class=\"note\">{Escape(note)}</dd></div>\n");
        }
        return Append("</dl>\n");
    }

    /// <summary>Adds a table.</summary>
    public HtmlReport Table(ReportTable table)
    {
        if (table.Rows.FirstOrDefault(row => row.Count != table.Columns.Count) is { } odd)
            throw new ArgumentException($"A row of the table has {odd.Count} cells for {table.Columns.Count} columns.");
        var numeric = Enumerable.Range(0, table.Columns.Count).Select(c => table.Rows.Count > 0 && table.Rows.All(row => IsNumeric(row[c]))).ToArray();
        Append("<div class=\"scroll\"><table>\n<thead><tr>");
        for (var c = 0; c < table.Columns.Count; c++)
            Append($"<th{Class(numeric[c])} scope=\"col\">{Escape(table.Columns[c])}</th>");
        Append("</tr></thead>\n<tbody>\n");
        for (var r = 0; r < table.Rows.Count; r++)
        {
            Append(r == table.Highlighted ? "<tr class=\"chosen\">" : "<tr>");
            for (var c = 0; c < table.Columns.Count; c++)
                Append($"<td{Class(numeric[c])}>{Escape(table.Rows[r][c])}</td>");
            Append("</tr>\n");
        }
        return Append("</tbody></table></div>\n");

        static string Class(bool numeric) => numeric ? " class=\"number\"" : "";
    }

    /// <summary>Adds charts side by side where the window is wide enough.</summary>
    public HtmlReport Charts(params IReadOnlyList<Chart> charts)
    {
        Append("<div class=\"charts\">\n");
        foreach (var chart in charts)
        {
            var id = string.Create(CultureInfo.InvariantCulture, $"chart-{++_charts}");
            Append($"<figure{(chart.Wide ? " class=\"wide\"" : "")}><figcaption id=\"{id}-title\"><strong>{Escape(chart.Title)}</strong>");
            Append(chart.Note == "" ? "" : $" <span>{Escape(chart.Note)}</span>");
            Append("</figcaption>\n");
            Append($"<div class=\"chart\" id=\"{id}\" role=\"img\" aria-labelledby=\"{id}-title\" style=\"height:{chart.Height.ToString(CultureInfo.InvariantCulture)}px\"></div>\n");
            // System.Text.Json writes <, > and & of strings as \u003C etc., so the data cannot end the script element.
            Append($"<script type=\"application/json\" data-chart=\"{id}\">{chart.ToJson().ToJsonString()}</script>\n</figure>\n");
        }
        return Append("</div>\n");
    }

    /// <summary>The page.</summary>
    public string ToHtml()
    {
        CloseSection();
        return new StringBuilder("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
            .Append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
            .Append("<meta name=\"generator\" content=\"OnnxMoe\">\n")
            .Append("<title>").Append(Escape(_title)).Append("</title>\n")
            .Append("<style>\n").Append(PageParts.Style).Append("</style>\n</head>\n<body>\n<main>\n")
            .Append("<header><h1>").Append(Escape(_title)).Append("</h1>\n")
            .Append(_summary == "" ? "" : $"<p class=\"summary\">{Escape(_summary)}</p>\n")
            .Append("</header>\n")
            .Append(_body)
            .Append("<noscript><p class=\"warning\">The charts of this page need JavaScript; it is inside the page, nothing is fetched.</p></noscript>\n")
            .Append("</main>\n")
            .Append(_charts == 0 ? "" : $"<script>{PageParts.ECharts}</script>\n<script>\n{PageParts.Script}</script>\n")
            .Append("</body>\n</html>\n")
            .ToString();
    }

    /// <summary>Writes the page; the file appears only when it is whole.</summary>
    public void Save(string path)
    {
        var bytes = Encoding.UTF8.GetBytes(ToHtml());
        AtomicFile.Write(path, stream => stream.Write(bytes));
    }

    HtmlReport Append(string html)
    {
        _body.Append(html);
        return this;
    }

    void CloseSection()
    {
        if (_inSection)
            _body.Append("</section>\n");
        _inSection = false;
    }

    static string Escape(string text) => WebUtility.HtmlEncode(text);

    /// <summary>Whether a cell begins like a number ("1.25", "+3 %", "12 kB") or says that there is none ("-").</summary>
    static bool IsNumeric(string cell) => cell is "" or "-" or "∞" || char.IsAsciiDigit(cell.TrimStart('+', '-', '−', '≤', '≥', ' ').FirstOrDefault());
}
