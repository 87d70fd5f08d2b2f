using System.Text.Json.Nodes;
using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Trainer.Backbones;
using static OnnxMoe.Trainer.Training.TrainingCharts;

namespace OnnxMoe.Trainer.Training;

/// <summary>The page that shows how a training run went: losses, learning rate, speed, and how the experts share the work.</summary>
public static class TrainingReport
{
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
            AddLoad(report, model, evaluations, evaluation.ExpertLoad);
        if (activeExperts is not null)
            AddActiveExperts(report, activeExperts);
        AddRecipe(report, settings).Save(path);
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
}
