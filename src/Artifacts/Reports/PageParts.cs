namespace OnnxMoe.Artifacts.Reports;

/// <summary>The fixed parts of a page, embedded in this assembly when it is built.</summary>
static class PageParts
{
    public static string Style { get; } = Read("page.css");

    public static string Script { get; } = Read("page.js");

    /// <summary>Apache ECharts (Apache-2.0) from npm; its licence header stays in the page.</summary>
    public static string ECharts { get; } = Read("echarts.min.js");

    static string Read(string name)
    {
        using var stream = typeof(PageParts).Assembly.GetManifestResourceStream($"OnnxMoe.Artifacts.Reports.{name}")
            ?? throw new InvalidOperationException($"Resource {name} is missing from the assembly.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
