using System.Text.Json;
using System.Text.RegularExpressions;
using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Reports;

public sealed partial class HtmlReportTests
{
    const string Hostile = "</script><img src=x onerror=alert(1)>&\"'";

    [Fact]
    public void EveryTextIsEscapedWhereverItStands()
    {
        var html = OurPart(Full(Hostile).ToHtml());
        Assert.DoesNotContain("<img", html);
        Assert.Equal(Regex.Count(html, "<script"), Regex.Count(html, "</script>"));
    }

    [Fact]
    public void ThePageFetchesNothing()
    {
        var html = OurPart(Full("plain").ToHtml());
        Assert.DoesNotMatch("(?i)<(link|img|iframe|script)[^>]*(src|href)=", html);
        Assert.DoesNotContain("@import", html);
        Assert.DoesNotContain("url(", html[..html.IndexOf("</style>", StringComparison.Ordinal)]);
    }

    [Fact]
    public void ChartDataComesBackAsGiven()
    {
        var data = ChartData().Matches(Full(Hostile).ToHtml()).Select(m => JsonDocument.Parse(m.Groups[1].Value).RootElement).ToList();
        Assert.Equal(["lines", "bars", "heat"], data.Select(d => d.GetProperty("kind").GetString()));
        Assert.Equal(Hostile, data[0].GetProperty("series")[0].GetProperty("name").GetString());
        Assert.Equal(JsonValueKind.Null, data[0].GetProperty("series")[0].GetProperty("points")[1][1].ValueKind);
        Assert.Equal(10, data[0].GetProperty("series")[0].GetProperty("points")[1][0].GetDouble());
        Assert.Equal(0.5, data[2].GetProperty("values")[1][0].GetDouble());
    }

    [Fact]
    public void APageWithoutChartsCarriesNoLibrary() => Assert.True(new HtmlReport("Short").Section("A", "b").ToHtml().Length < 10_000);

    [Fact]
    public void ShapesThatDoNotFitAreRefused()
    {
        var report = new HtmlReport("r");
        Assert.Throws<ArgumentException>(() => report.Table(new ReportTable(["a", "b"], [["1"]])));
        Assert.Throws<ArgumentException>(() => report.Charts(new BarChart("t", ["a"], "v", [new("s", [1, 2])])));
        Assert.Throws<ArgumentException>(() => report.Charts(new HeatMap("t", "x", ["a"], "y", ["b"], "v", [[1, 2]])));
        Assert.Throws<ArgumentException>(() => report.Charts(new LineChart("t", "x", "y", [new("s", [1]) { At = [1, 2] }])));
    }

    [Fact]
    public void SavingWritesTheWholePage()
    {
        using var folder = new TemporaryFolder();
        Full("x").Save(folder["report.html"]);
        Assert.Equal(Full("x").ToHtml(), File.ReadAllText(folder["report.html"]));
    }

    /// <summary>The page without the chart library, whose source holds tags as text.</summary>
    static string OurPart(string html) => html[..html.IndexOf("<script>", StringComparison.Ordinal)];

    static HtmlReport Full(string text) => new HtmlReport(text, text)
        .Section(text, text).Warning(text)
        .KeyFigures(new KeyFigure(text, text, text))
        .Table(new ReportTable([text, "n"], [[text, "1"]], 0))
        .Charts(
            new LineChart(text, text, text, [new(text, [1, double.NaN]) { At = [0, 10] }]) { Note = text },
            new BarChart(text, [text], text, [new(text, [1])]),
            new HeatMap(text, text, [text], text, [text, text], text, [[1], [0.5]]));

    [GeneratedRegex("<script type=\"application/json\"[^>]*>(.*?)</script>")]
    private static partial Regex ChartData();
}
