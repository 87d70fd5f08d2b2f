using System.Globalization;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Trainer.Training;

/// <summary>The page that shows how a training run went: losses, learning rate, speed, and how the experts share the work.</summary>
public static class TrainingReport
{
    /// <summary>Curves are thinned to about this many points: more than a chart can show.</summary>
    private const int CurvePoints = 600;

    /// <param name="path">The page to write.</param>
    /// <param name="settings">The recipe.</param>
    /// <param name="training">The manifest's section Training.</param>
    /// <param name="metrics">All entries of metrics.jsonl.</param>
    /// <param name="model">The trained model.</param>
    /// <param name="evaluation">Of the best weights, on validation text.</param>
    /// <param name="activeExperts">The same with each number of experts that callers may choose; null where it is fixed.</param>
    public static void Write(string path, TrainSettings settings, JsonObject training, IReadOnlyList<JsonObject> metrics, DecoderLm model, Evaluation evaluation,
        ActiveExperts? activeExperts = null)
    {
        var size = ModelCost.Parameters(model);
        var steps = metrics.Where(m => m.ContainsKey("loss")).ToArray();
        var evaluations = metrics.Where(m => m.ContainsKey("validation_loss")).ToArray();
        var bigram = training["bigramLoss"]!.GetValue<double>();
        var report = new HtmlReport($"Training of {settings.Name}",
                Text($"Validation loss {evaluation.Loss:F4} nats a token after {training["bestStep"]} of {settings.Trainer.Steps} steps; a bigram model of the same text reaches {bigram:F4}."))
            .KeyFigures(
                new KeyFigure("Validation loss", Text($"{evaluation.Loss:F4}"), Text($"bigram {bigram:F4}, uniform {training["uniformLoss"]!.GetValue<double>():F4} nats a token")),
                new KeyFigure("Bits per byte", Text($"{training["validationBitsPerByte"]!.GetValue<double>():F3}")),
                new KeyFigure("Parameters", Text($"{size.Total:N0}"), Text($"{size.Active:N0} active for a token")),
                new KeyFigure("Speed", Text($"{training["tokensPerSecond"]!.GetValue<double>():N0} tokens/s"), "median of all steps"))
            .Section("Losses")
            .Charts(
                new LineChart("Cross-entropy", "step", "nats a token",
                [
                    Curve("training", steps, "loss"),
                    Curve("validation", evaluations, "validation_loss"),
                    new ChartSeries("bigram model", [bigram, bigram]) { At = [1, settings.Trainer.Steps] },
                ])
                { Wide = true },
                new LineChart("Router losses", "step", "times their coefficients, summed over layers",
                    [.. new[] { "balance", "device_balance", "z" }.Where(n => steps.Any(m => m.ContainsKey(n))).Select(n => Curve(n, steps, n))]),
                new LineChart("Learning rate", "step", "", [Curve("learning rate", steps, "learning_rate")]),
                new LineChart("Gradient norm", "step", "before clipping", [Curve("gradient norm", steps, "gradient_norm")]) { Logarithmic = true },
                new LineChart("Speed", "step", "tokens/s", [Curve("tokens/s", steps, "tokens_per_second")]));
        if (training["validationByDomain"] is JsonObject domains)
            AddDomains(report, domains, evaluations);
        if (evaluation.ExpertLoad.Length > 0)
            AddLoad(report, model, evaluations, evaluation);
        if (activeExperts is not null)
            AddActiveExperts(report, activeExperts);
        report.Section("Recipe").Table(new ReportTable(["Setting", "Value"], [.. Rows(settings.ToRecipe(), "")])).Save(path);
    }

    private static void AddDomains(HtmlReport report, JsonObject domains, JsonObject[] evaluations)
    {
        var steps = evaluations.Select(m => Number(m, "step")).ToArray();
        report.Section("Domains", "Each source of the text measured by itself; the validation loss is their mean. The bigram model of a domain is fitted on that domain's training text alone.")
            .Charts(new LineChart("Validation loss by domain", "step", "nats a token",
                [.. domains.Select(domain => new ChartSeries(domain.Key, [.. evaluations.Select(m => Number((JsonObject)m["validation_loss_by_domain"]!, domain.Key))]) { At = steps })]))
            .Table(new ReportTable(["Domain", "Validation loss", "Bigram model", "Bits per byte"], [.. domains.Select(domain => (string[])
                [domain.Key, .. new[] { "loss", "bigramLoss", "bitsPerByte" }.Select(key => Text($"{Number((JsonObject)domain.Value!, key):F4}"))])]));
    }

    private static void AddActiveExperts(HtmlReport report, ActiveExperts active)
    {
        double[] numbers = [.. active.Measured.Select(quality => (double)quality.K)];
        report.Section("Active experts", Text($"The same weights with each number of experts a token that callers may choose; those who do not choose get {active.Default}."))
            .Charts(new LineChart("Validation loss by active experts", "experts a token", "nats a token", [new ChartSeries("validation", [.. active.Measured.Select(quality => quality.ValidationLoss)]) { At = numbers }]))
            .Table(new ReportTable(["Experts a token", "Validation loss", "Million FLOPs a token"],
                [.. active.Measured.Select(quality => (string[])[Text($"{quality.K}"), Text($"{quality.ValidationLoss:F4}"), Text($"{quality.FlopsPerToken / 1e6:F3}")])]));
    }

    private static void AddLoad(HtmlReport report, DecoderLm model, JsonObject[] evaluations, Evaluation evaluation)
    {
        var layers = model.RoutedLayers.Select(l => Text($"layer {l.Number}")).ToArray();
        var experts = evaluation.ExpertLoad.Max(l => l.Length);
        var steps = evaluations.Select(m => Number(m, "step")).ToArray();
        report.Section("Load of the experts", "How the validation text's picks spread over the experts. 1 is an even share.")
            .Charts(
                new HeatMap("Load by layer and expert", "expert", [.. Enumerable.Range(0, experts).Select(e => Text($"{e}"))], "layer", layers,
                    "times the even share", [.. evaluation.ExpertLoad.Select(load => Shares(load, experts))])
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

    private static ChartSeries Curve(string name, JsonObject[] entries, string key)
    {
        var stride = Math.Max(1, entries.Length / CurvePoints);
        var shown = entries.Where((m, i) => m.ContainsKey(key) && (i % stride == 0 || i == entries.Length - 1)).ToArray();
        return new ChartSeries(name, [.. shown.Select(m => Number(m, key))]) { At = [.. shown.Select(m => Number(m, "step"))] };
    }

    private static IEnumerable<string[]> Rows(JsonObject settings, string prefix) => settings.SelectMany(pair => pair.Value is JsonObject section
        ? Rows(section, $"{prefix}{pair.Key}:")
        : [[prefix + pair.Key, pair.Value?.ToString() ?? ""]]);

    private static double Number(JsonObject entry, string key) => entry[key]!.GetValue<double>();

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
