using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Experiments.Pages;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Experiments;

/// <summary>The verb reproduce: runs the experiment of a system and writes its page and its row in the table of systems.</summary>
public static class ReproduceRun
{
    /// <param name="models">The models folder; finished runs are kept in its sub-folder reproduce.</param>
    /// <param name="options">Which system, how often, how long.</param>
    /// <param name="firstSeed">The seeds count up from it.</param>
    /// <param name="data">Where the text is; it is read as bytes whatever the tokenizer there.</param>
    /// <param name="log">Takes progress and the verdicts.</param>
    /// <param name="terminal">True when the log is a terminal.</param>
    /// <param name="cancel">Stops between two steps; the next call goes on behind the last finished run.</param>
    /// <exception cref="UserError">No such system, no text, or the disk is full.</exception>
    public static void Execute(string models, ReproduceOptions options, long firstSeed, DataOptions data, TextWriter log, bool terminal, CancellationToken cancel) =>
        Execute(ExperimentList.Find(options.System), models, options, firstSeed, data, log, terminal, cancel);

    internal static void Execute(Experiment experiment, string models, ReproduceOptions options, long firstSeed, DataOptions data, TextWriter log, bool terminal, CancellationToken cancel)
    {
        data.Tokenizer = ByteTokenizer.Name;
        if (experiment.IsSimulated)
            data.Source = Experiment.NoData;
        else if (data.Source == DataOptions.StateOfTheUnion)
            data.Source = experiment.Source;
        var store = new MeasurementStore(Path.Combine(models, "reproduce", experiment.Name), experiment);
        if (options.Fresh)
            store.Clear();
        log.WriteLine($"{experiment.System} (arXiv {experiment.Paper}): {experiment.Claim}");
        var context = new ExperimentContext(options, firstSeed, data, store, log, terminal, cancel);
        var result = experiment.Run(context);
        foreach (var claim in result.Claims)
            log.WriteLine($"{ResultsPage.Word(claim.Verdict)}: {claim.Claim.Text} ({ResultsPage.Numbers(claim)})");
        var page = ResultsPage.Write(options.Docs, experiment, result, context.Seeds, Text(data), Command(experiment, options, firstSeed));
        var table = SystemsTable.Update(options.Docs, experiment, result);
        log.WriteLine($"Page: {page}; row of {experiment.System} in {table}");
    }

    private static string Text(DataOptions data) => data.Source == Experiment.NoData ? "none"
        : data.Source == DataOptions.StateOfTheUnion
        ? "State of the Union addresses, bytes; validated on years that were not trained on"
        : data.Source == LabeledDataset.Digits ? "the 1797 images of 8x8 handwritten digits (UCI, test part), two thirds to train on"
        : data.Source == LabeledDataset.Fashion ? "Fashion-MNIST"
        : $"{Path.GetFileName(data.Source.TrimEnd('/'))}, bytes";

    private static string Command(Experiment experiment, ReproduceOptions options, long firstSeed)
    {
        var defaults = new ReproduceOptions();
        string Given(string name, long value, long standard) => value == standard ? "" : $" --{name} {value}";
        return $"onnxmoe reproduce {experiment.Name}{Given("seeds", options.Seeds, defaults.Seeds)}{Given("steps", options.Steps, defaults.Steps)}"
            + $"{Given("threads", options.Threads, defaults.Threads)}{Given("seed", firstSeed, 1)}";
    }
}
