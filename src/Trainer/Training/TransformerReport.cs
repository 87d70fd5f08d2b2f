using System.Text.Json.Nodes;
using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Supernets;
using static OnnxMoe.Trainer.Training.TrainingCharts;

namespace OnnxMoe.Trainer.Training;

/// <summary>The page that shows how the training of a masked language model, an encoder-decoder or a supernet went.</summary>
internal static class TransformerReport
{
    /// <param name="path">The page to write.</param>
    /// <param name="settings">The recipe.</param>
    /// <param name="training">The manifest's section Training.</param>
    /// <param name="metrics">All entries of metrics.jsonl.</param>
    /// <param name="model">The trained model.</param>
    /// <param name="supernet">The same as a supernet; null: it is none.</param>
    public static void Write(string path, TrainSettings settings, JsonObject training, IReadOnlyList<JsonObject> metrics, TransformerModel model, TransformerSupernet? supernet)
    {
        var steps = metrics.Where(m => m.ContainsKey("loss")).ToArray();
        var evaluations = metrics.Where(m => m.ContainsKey("validation_loss")).ToArray();
        var (unit, of) = settings.Supernet.Distill.Teacher.Length > 0 && supernet is not null ? ("difference of the relations", $"from {settings.Supernet.Distill.Teacher}") : ("nats a token", "cross-entropy");
        ChartSeries[] ends = supernet is null ? [] : [Curve("largest", evaluations, "largest_loss"), Curve("smallest", evaluations, "smallest_loss")];
        var report = new HtmlReport($"Training of {settings.Name}",
                Text($"Test loss {Number(training, "testLoss"):F4} ({unit}) with the weights of step {training["bestStep"]} of {settings.Trainer.Steps}, {Kept(settings.Trainer)}{(supernet is null || settings.Trainer.Keep == "last" ? "" : " of the largest and the smallest architecture")}{(supernet is null ? "" : "; tested is the largest architecture")}."))
            .KeyFigures(
            [
                new("Test loss", Text($"{Number(training, "testLoss"):F4}"), of),
                new("Validation loss", Text($"{Number(training, "validationLoss"):F4}"), Text($"uniform guess {Number(training, "uniformLoss"):F4} nats")),
                .. training.ContainsKey("testBleu") ? new[] { new KeyFigure("BLEU", Text($"{Number(training, "testBleu"):F1}"), "greedy decoding of test sentences") } : [],
                new("Parameters", Text($"{ModelCost.Parameters(model).Total:N0}"), supernet is null ? "" : Text($"for {supernet.Space.Size:N0} architectures")),
                new("Speed", Text($"{Number(training, "tokensPerSecond"):N0} tokens/s"), "median of all steps"),
            ])
            .Section("Losses")
            .Charts(
                new LineChart("Loss", "step", unit, [Curve("training", steps, "loss"), Curve("validation", evaluations, "validation_loss"), .. ends]) { Wide = true },
                new LineChart("Learning rate", "step", "", [Curve("learning rate", steps, "learning_rate")]),
                new LineChart("Gradient norm", "step", "before clipping", [Curve("gradient norm", steps, "gradient_norm")]) { Logarithmic = true },
                new LineChart("Speed", "step", "tokens/s", [Curve("tokens/s", steps, "tokens_per_second")]));
        AddRecipe(report, settings).Save(path);
    }
}
