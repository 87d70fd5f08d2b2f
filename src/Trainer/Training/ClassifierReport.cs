using System.Text.Json.Nodes;
using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Trainer.Backbones;
using static OnnxMoe.Trainer.Training.TrainingCharts;

namespace OnnxMoe.Trainer.Training;

/// <summary>The page that shows how the training of a classifier went.</summary>
internal static class ClassifierReport
{
    /// <param name="path">The page to write.</param>
    /// <param name="settings">The recipe.</param>
    /// <param name="training">The manifest's section Training.</param>
    /// <param name="metrics">All entries of metrics.jsonl.</param>
    /// <param name="model">The trained model.</param>
    /// <param name="validation">Of the best weights.</param>
    public static void Write(string path, TrainSettings settings, JsonObject training, IReadOnlyList<JsonObject> metrics, Classifier model, Classification validation)
    {
        var size = ModelCost.Parameters(model);
        var steps = metrics.Where(m => m.ContainsKey("loss")).ToArray();
        var evaluations = metrics.Where(m => m.ContainsKey("validation_loss")).ToArray();
        var report = new HtmlReport($"Training of {settings.Name}",
                Text($"Test accuracy {Number(training, "testAccuracy"):P2} with the weights of step {training["bestStep"]} of {settings.Trainer.Steps}, {Kept(settings.Trainer)}."))
            .KeyFigures(
                new KeyFigure("Test accuracy", Text($"{Number(training, "testAccuracy"):P2}"), Text($"loss {Number(training, "testLoss"):F4} nats")),
                new KeyFigure("Validation accuracy", Text($"{validation.Accuracy:P2}"), Text($"loss {validation.Loss:F4} nats")),
                new KeyFigure("Parameters", Text($"{size.Total:N0}"), Text($"{size.Active:N0} active for a position")),
                new KeyFigure("Speed", Text($"{Number(training, "tokensPerSecond"):N0} positions/s"), "median of all steps"))
            .Section("Losses")
            .Charts(
                new LineChart("Cross-entropy", "step", "nats", [Curve("training", steps, "loss"), Curve("validation", evaluations, "validation_loss")]) { Wide = true },
                new LineChart("Validation accuracy", "step", "", [Curve("accuracy", evaluations, "validation_accuracy")]),
                new LineChart("Learning rate", "step", "", [Curve("learning rate", steps, "learning_rate")]),
                new LineChart("Gradient norm", "step", "before clipping", [Curve("gradient norm", steps, "gradient_norm")]) { Logarithmic = true },
                new LineChart("Speed", "step", "positions/s", [Curve("positions/s", steps, "tokens_per_second")]));
        AddSampling(report, metrics);
        if (validation.ExpertLoad.Length > 0)
            AddLoad(report, model, evaluations, validation.ExpertLoad);
        AddRecipe(report, settings).Save(path);
    }

    /// <summary>What samplers turned to from epoch to epoch.</summary>
    private static void AddSampling(HtmlReport report, IReadOnlyList<JsonObject> metrics)
    {
        const string probability = "probability_", effective = "effective_examples";
        JsonObject[] epochs = [.. metrics.Where(entry => entry.ContainsKey(effective) || entry.Any(pair => pair.Key.StartsWith(probability, StringComparison.Ordinal)))];
        if (epochs.Length == 0)
            return;
        LineChart[] charts =
        [
            new LineChart("Probability of each operation", "step", "", [.. epochs[0].Select(pair => pair.Key).Where(key => key.StartsWith(probability, StringComparison.Ordinal)).Select(key => Curve(key[probability.Length..], epochs, key))]),
            new LineChart("Examples drawn", "step", "effective number", [Curve("effective number", [.. epochs.Where(entry => entry.ContainsKey(effective))], effective)]),
        ];
        report.Section("Sampling", "What is drawn by the norms of gradients, at the end of each epoch.").Charts([.. charts.Where(chart => chart.Series.Any(series => series.Values.Count > 0))]);
    }
}
