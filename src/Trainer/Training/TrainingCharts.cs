using System.Globalization;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Trainer.Training;

/// <summary>What the reports of all kinds of training have in common.</summary>
internal static class TrainingCharts
{
    /// <summary>Curves are thinned to about this many points: more than a chart can show.</summary>
    private const int CurvePoints = 600;

    /// <summary>Why a model ended with the weights that it has.</summary>
    public static string Kept(TrainerOptions options) => options.Keep == "last" ? "the last ones" : "chosen by validation loss";

    /// <summary>How the picks of the last evaluation spread over the experts, and how that changed in training.</summary>
    public static void AddLoad(HtmlReport report, Model model, JsonObject[] evaluations, long[][] load)
    {
        var layers = model.RoutedLayers.Select(l => $"layer {l.Site}").ToArray();
        var experts = load.Max(l => l.Length);
        var steps = evaluations.Select(m => Number(m, "step")).ToArray();
        report.Section("Load of the experts", "How the validation data's picks spread over the experts. 1 is an even share.")
            .Charts(
                new HeatMap("Load by layer and expert", "expert", [.. Enumerable.Range(0, experts).Select(e => Text($"{e}"))], "layer", layers,
                    "times the even share", [.. load.Select(layer => Shares(layer, experts))])
                { Wide = true, Lowest = 0 },
                new LineChart("Busiest expert", "step", "times the even share",
                    [.. layers.Select((name, layer) => new ChartSeries(name, [.. evaluations.Select(m => Busiest(m, layer))]) { At = steps })])
                { Note = "1 is perfect balance." });
    }

    private static double[] Shares(long[] load, int width)
    {
        var mean = Math.Max(1, load.Sum()) / (double)load.Length;
        return [.. load.Select(count => count / mean), .. Enumerable.Repeat(double.NaN, width - load.Length)];
    }

    private static double Busiest(JsonObject entry, int layer)
    {
        var load = entry["expert_load"]![layer]!.AsArray().Select(n => n!.GetValue<long>()).ToArray();
        return Shares(load, load.Length).Max();
    }

    /// <summary>One number of the entries that have it.</summary>
    public static ChartSeries Curve(string name, JsonObject[] entries, string key)
    {
        var stride = Math.Max(1, entries.Length / CurvePoints);
        var shown = entries.Where((m, i) => m.ContainsKey(key) && (i % stride == 0 || i == entries.Length - 1)).ToArray();
        return new ChartSeries(name, [.. shown.Select(m => Number(m, key))]) { At = [.. shown.Select(m => Number(m, "step"))] };
    }

    /// <summary>All settings as a table.</summary>
    public static HtmlReport AddRecipe(HtmlReport report, TrainSettings settings) =>
        report.Section("Recipe").Table(new ReportTable(["Setting", "Value"], [.. Rows(settings.ToRecipe(), "")]));

    private static IEnumerable<string[]> Rows(JsonObject settings, string prefix) => settings.SelectMany(pair => pair.Value is JsonObject section
        ? Rows(section, $"{prefix}{pair.Key}:")
        : [[prefix + pair.Key, pair.Value?.ToString() ?? ""]]);

    public static double Number(JsonObject entry, string key) => entry[key]!.GetValue<double>();

    public static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
