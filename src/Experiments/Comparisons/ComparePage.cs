using System.Globalization;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Reports;
using OnnxMoe.Experiments.Pages;

namespace OnnxMoe.Experiments.Comparisons;

/// <summary>The page of a comparison: quality for a step and for an operation, load, size, and time with what the operations explain of it.</summary>
internal sealed class ComparePage(IReadOnlyList<ComparedModel> models, IReadOnlyList<Latency> latencies, Budget budget, CompareOptions options)
{
    /// <summary>Curves are thinned to about this many points by taking means.</summary>
    private const int CurvePoints = 60;

    private readonly string[] _names = [.. models.Select(model => model.Name)];
    private readonly int _prompt = latencies[0].Prompt;
    private readonly Unit _tokenFlops = Unit.For(models.Max(model => Flops(model, latencies[0].Prompt + 1)));
    private readonly Unit _trainingFlops = Unit.For(models.Max(model => model.TrainingFlops));
    private readonly Unit _parameters = Unit.For(models.Max(model => model.Manifest.Parameters.Total));

    public void Save(string path)
    {
        var best = models.MinBy(model => model.Result("validationBitsPerByte"))!;
        var report = new HtmlReport($"Comparison of {string.Join(", ", _names)}",
            Text($"Each trained for {budget.Describe()}. Lowest validation loss: {best.Name}, {best.Result("validationBitsPerByte"):F3} bits a byte."));
        if (models.Select(model => model.Settings.Data.Source).Distinct().Count() > 1)
            report.Warning("The recipes do not train on the same text, so their losses do not compare.");
        foreach (var model in models.Where(model => model.Settings.Start.Sources().Count > 0))
            report.Warning($"{model.Name} starts from trained models, whose training is not in its budget.");
        report.Section("Overview", $"Times are medians of {options.Repetitions} runs in ONNX Runtime with {Threads()}, the models in turns; measured on {Machine.Describe()}.")
            .Table(Overview());
        AddLosses(report);
        AddExperts(report);
        AddCosts(report);
        AddTimes(report);
        report.Save(path);
    }

    private ReportTable Overview() => new(
        ["model", "parameters", "active", $"{_tokenFlops.Prefix}FLOPs a token", "steps", "training tokens", $"training {_trainingFlops.Prefix}FLOPs", "validation (nats a token)", "bits a byte", "training tokens/s", "model.onnx (MB)", $"prefill {_prompt} (ms)", "decode (ms)"],
        [.. models.Select((model, i) => new[]
        {
            model.Name, Text($"{model.Manifest.Parameters.Total:N0}"), Text($"{Active(model):N0}"), Text($"{Flops(model, _prompt + 1) / _tokenFlops.Size:G4}"),
            Text($"{model.Settings.Trainer.Steps:N0}"), Text($"{model.TrainingTokens:N0}"), Text($"{model.TrainingFlops / _trainingFlops.Size:G4}"),
            Text($"{model.Result("validationLoss"):F4}"), Text($"{model.Result("validationBitsPerByte"):F4}"), Text($"{model.Result("tokensPerSecond"):N0}"),
            Text($"{model.ExportBytes / 1e6:F2}"), Text($"{Latency.Median(latencies[i].Prefill):F2}"), Text($"{Latency.Median(latencies[i].Decode):F3}"),
        })]);

    private void AddLosses(HtmlReport report) => report
        .Section("Loss", "In bits a byte of the text, which compares tokenizers. Training operations are three times those of the forward pass.")
        .Charts(
            new LineChart("Validation loss by training FLOPs", $"training {_trainingFlops.Prefix}FLOPs", "bits a byte", [.. models.Select(model => Curve(model, "validation_loss", step => Math.Round(step * FlopsPerStep(model) / _trainingFlops.Size, 3)))]) { Wide = true },
            new LineChart("Validation loss by step", "step", "bits a byte", [.. models.Select(model => Curve(model, "validation_loss", step => step))]),
            new LineChart("Training loss by step", "step", "bits a byte", [.. models.Select(model => Curve(model, "loss", step => step))]) { Note = "Means over neighbouring steps." });

    private void AddExperts(HtmlReport report)
    {
        var layers = models.SelectMany(model => model.ActiveExperts.Keys).Distinct().Order().ToArray();
        if (layers.Length == 0)
            return;
        report.Section("Experts", "How the validation text's tokens spread over the routed experts; 1 is an even share.")
            .Charts(
            [
                .. models.Where(model => model.Load.Count > 0).Select(Heat),
                new BarChart("Active experts a token", [.. layers.Select(layer => $"layer {layer}")], "experts",
                    [.. models.Select(model => new ChartSeries(model.Name, [.. layers.Select(layer => model.ActiveExperts.GetValueOrDefault(layer, double.NaN))]))]) { Note = "Routed experts only, mean over the validation text." },
            ]);
    }

    private void AddCosts(HtmlReport report)
    {
        var costs = models.Select(model => model.Flops(_prompt + 1)).ToArray();
        var parts = costs.SelectMany(cost => cost.Select(part => part.Part)).Distinct().OrderBy(part => part == "head").ToArray(); // the head is last in every model
        report.Section("Size and cost")
            .Charts(
                new BarChart("FLOPs a token", _names, $"{_tokenFlops.Prefix}FLOPs", [.. parts.Select(part => new ChartSeries(part, [.. costs.Select(cost => cost.Where(c => c.Part == part).Sum(c => c.Flops) / _tokenFlops.Size)]))])
                { Stacked = true, Note = Text($"Forward pass of the token behind a prompt of {_prompt}.") },
                new BarChart("Parameters", _names, _parameters.Word,
                    [new("all", [.. models.Select(model => model.Manifest.Parameters.Total / _parameters.Size)]), new("met by a token", [.. models.Select(model => Active(model) / _parameters.Size)])]),
                new BarChart("Exported file", _names, "MB", [new("model.onnx with its data", [.. models.Select(model => model.ExportBytes / 1e6)])]));
    }

    private void AddTimes(HtmlReport report) => report
        .Section("Time", $"Relative to {_names[0]}: if operations were all that matters, a model would take its FLOPs' multiple of that model's time. Explained is that time divided by the measured one: "
            + "below 100 % the model is slower than its operations say (more, smaller products; routing), above it is faster.")
        .Charts(
            new BarChart(Text($"Prefill of {_prompt} tokens"), _names, "ms", [new("median", [.. latencies.Select(latency => Latency.Median(latency.Prefill))])]),
            new BarChart("Decode of one token", _names, "ms", [new("median", [.. latencies.Select(latency => Latency.Median(latency.Decode))])]))
        .Table(new ReportTable(["model", "step", "median (ms)", "middle half (ms)", "time", "FLOPs", "explained by FLOPs"],
        [
            .. models.SelectMany((_, i) => new[]
            {
                Time(i, $"prefill {_prompt}", latency => latency.Prefill, model => _prompt * Flops(model, (_prompt + 1) / 2.0)),
                Time(i, "decode", latency => latency.Decode, model => Flops(model, _prompt + 1)),
            }),
        ]));

    private string Threads() => options.Threads switch { 0 => "a thread a core", 1 => "one thread", var count => $"{count} threads" };

    private string[] Time(int i, string step, Func<Latency, double[]> times, Func<ComparedModel, double> flops)
    {
        var (own, first) = (times(latencies[i]), times(latencies[0]));
        var time = Latency.Median(own) / Latency.Median(first);
        var work = flops(models[i]) / flops(models[0]);
        return [_names[i], step, Text($"{Latency.Median(own):F3}"), Text($"{Latency.Quantile(own, 0.25):F3} to {Latency.Quantile(own, 0.75):F3}"), Text($"{time:F2} x"), Text($"{work:F2} x"), Text($"{100 * work / time:F0} %")];
    }

    private static HeatMap Heat(ComparedModel model)
    {
        var experts = model.Load.Values.Max(load => load.Length);
        return new HeatMap($"Load in {model.Name}", "expert", [.. Enumerable.Range(0, experts).Select(e => Text($"{e}"))], "layer", [.. model.Load.Keys.Select(layer => Text($"layer {layer}"))],
            "times the even share", [.. model.Load.Values.Select(load => Shares(load, experts))])
        { Lowest = 0 };
    }

    private static double[] Shares(long[] load, int width)
    {
        var even = Math.Max(1, load.Sum()) / (double)load.Length;
        return [.. load.Select(count => count / even), .. Enumerable.Repeat(double.NaN, width - load.Length)];
    }

    private static ChartSeries Curve(ComparedModel model, string key, Func<double, double> at)
    {
        var points = model.Entries.Where(entry => entry.ContainsKey(key)).Select(entry => (Step: Number(entry, "step"), Loss: Number(entry, key) * model.BitsPerNat)).ToArray();
        var groups = points.Chunk(Math.Max(1, points.Length / CurvePoints)).ToArray();
        return new ChartSeries(model.Name, [.. groups.Select(group => group.Average(point => point.Loss))]) { At = [.. groups.Select(group => at(Math.Round(group.Average(point => point.Step))))] };
    }

    private static double FlopsPerStep(ComparedModel model) => model.TrainingFlops / model.Settings.Trainer.Steps;

    private static double Flops(ComparedModel model, double attended) => model.Flops(attended).Sum(part => part.Flops);

    private static long Active(ComparedModel model) => Trainer.Backbones.ModelCost.Parameters(model.Model, model.ActiveExperts).Active;

    private static double Number(JsonObject entry, string key) => entry[key]!.GetValue<double>();

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
