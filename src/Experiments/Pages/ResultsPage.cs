using System.Globalization;
using OnnxMoe.Artifacts;
using OnnxMoe.Experiments.Verdicts;

namespace OnnxMoe.Experiments.Pages;

/// <summary>The page of an experiment, docs/results/NAME.md: claim, set-up, every number, the verdicts, and what to keep in mind.</summary>
public static class ResultsPage
{
    /// <summary>The heading under which the verdicts are.</summary>
    public const string VerdictHeading = "## Verdicts";

    /// <summary>Where the page of that experiment is.</summary>
    public static string PathOf(string docs, string name) => Path.Combine(docs, "results", name + ".md");

    /// <summary>Writes the page; the old one stays when that fails.</summary>
    /// <returns>Its path.</returns>
    /// <param name="docs">The docs folder.</param>
    /// <param name="text">What was trained on.</param>
    /// <param name="command">The command that repeats it.</param>
    public static string Write(string docs, Experiment experiment, ExperimentResult result, IReadOnlyList<long> seeds, string text, string command)
    {
        var path = PathOf(docs, experiment.Name);
        AtomicFile.WriteText(path, string.Join('\n', Lines(experiment, result, seeds, text, command)) + "\n");
        return path;
    }

    /// <summary>A verdict as a word: "reported" for a claim that is not judged.</summary>
    public static string Word(Verdict? verdict) => verdict?.ToString().ToLowerInvariant() ?? "reported";

    /// <summary>The paired mean with its standard error.</summary>
    public static string Numbers(ClaimResult claim) => WithError(claim.Difference.Mean, claim.Difference.StandardError, value => Signed(value));

    /// <summary>The verdicts of a page that was written before, a line for each claim.</summary>
    public static IEnumerable<string> ReadVerdicts(string path) => File.ReadLines(path).SkipWhile(line => line != VerdictHeading).Skip(1).TakeWhile(line => !line.StartsWith('#'))
        .Where(line => line.StartsWith('|')).Skip(2).Select(Markdown.Cells).Where(cells => cells.Length > 4)
        .Select(cells => $"{cells[^1]}: {cells[0]} ({cells[3]})");

    private static IEnumerable<string> Lines(Experiment experiment, ExperimentResult result, IReadOnlyList<long> seeds, string text, string command) =>
    [
        $"# {experiment.System}: {Word(result.Verdict)}",
        $"{experiment.Citation}, [arXiv {experiment.Paper}](https://arxiv.org/abs/{experiment.Paper}).",
        "",
        $"**Claim.** {Sentence(experiment.Claim)}",
        "",
        $"**Set-up.** {result.Setup} " + (experiment.IsSimulated
            ? $"Nothing was run on such machines: all numbers are simulated. {seeds.Count} {(seeds.Count == 1 ? "seed" : "seeds")} ({string.Join(", ", seeds)}): each draws what is left open (assumptions of the model of costs, routing) anew, the same for all arms."
            : $"Data: {text}. {seeds.Count} {(seeds.Count == 1 ? "seed" : "paired seeds")} ({string.Join(", ", seeds)}): arms of equal seed meet the same batches."),
        "",
        .. result.Arms.Select(arm => $"- {arm.Arm.Name}: {arm.Arm.Description}"),
        "",
        $"    {command}",
        "",
        $"{(experiment.IsSimulated ? "Computed" : "Measured")} on {DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)}, {Machine.Describe()}.",
        "",
        VerdictHeading,
        "Reproduced: the paired mean has the claimed sign and exceeds one standard error; contradicted: it has the opposite sign and exceeds one;",
        "otherwise inconclusive. Differences are written so that a positive one supports the claim.",
        "",
        .. Markdown.Table(["claim", "kind", "difference", "mean ± standard error", .. seeds.Select(seed => $"seed {seed}"), "verdict"], result.Claims.Select(Verdict)),
        "",
        experiment.IsSimulated ? "## Simulated" : "## Measured",
        "Mean ± standard error over the seeds.",
        "",
        .. Markdown.Table(["arm", .. result.Metrics.Select(metric => metric.Name)], result.Arms.Select(arm => Means(arm, result.Metrics))),
        "",
        .. result.Tables.SelectMany(Table),
        "## Every run",
        .. Markdown.Table(["arm", "seed", .. result.Metrics.Select(metric => metric.Name)], result.Arms.SelectMany(arm => arm.Runs, (arm, run) => Run(arm, run, result.Metrics))),
        .. result.Notes.Count == 0 ? [] : (string[])["", "## Notes", .. result.Notes.Select(note => "- " + note)],
    ];

    private static IEnumerable<string> Table(ResultTable table) => [$"## {table.Heading}", table.Text, "", .. Markdown.Table(table.Columns, table.Rows), ""];

    private static string[] Verdict(ClaimResult claim) =>
    [
        claim.Claim.Text,
        claim.Claim.Kind.ToString().ToLowerInvariant(),
        claim.Claim.Measure + (claim.Claim.Margin == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"; must exceed {claim.Claim.Margin:G3}")),
        Numbers(claim),
        .. claim.Difference.BySeed.Select(pair => Signed(pair.Value)),
        Word(claim.Verdict) + (claim.Note.Length == 0 ? "" : $" ({claim.Note})"),
    ];

    private static string[] Means(ArmResult arm, IReadOnlyList<Metric> metrics) =>
    [
        arm.Arm.Name,
        .. metrics.Select(metric => arm.Has(metric.Key)
            ? WithError(Statistics.Mean(arm.Runs.Select(run => run[metric.Key])), Statistics.StandardError(arm.Runs.Select(run => run[metric.Key])), metric.Text)
            : "-"),
    ];

    private static string[] Run(ArmResult arm, Measurement run, IReadOnlyList<Metric> metrics) =>
        [arm.Arm.Name, run.Seed.ToString(CultureInfo.InvariantCulture), .. metrics.Select(metric => metric.Text(run[metric.Key]))];

    /// <summary>A mean with its error; a mean alone where there is no error, or none but rounding.</summary>
    private static string WithError(double mean, double error, Func<double, string> text) => error is 0 or double.NaN ? text(mean) : $"{text(mean)} ± {text(error).TrimStart('+')}";

    private static string Signed(double value) => double.IsFinite(value) ? value.ToString("+0.0000;-0.0000;0", CultureInfo.InvariantCulture) : "-";

    private static string Sentence(string text) => char.ToUpperInvariant(text[0]) + text[1..] + (text.EndsWith('.') ? "" : ".");
}
