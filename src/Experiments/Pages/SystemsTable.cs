using OnnxMoe.Artifacts;

namespace OnnxMoe.Experiments.Pages;

/// <summary>docs/systems.md: a row for each published system. An experiment writes its own row and leaves all others as they are.</summary>
public static class SystemsTable
{
    private static readonly string[] Columns = ["system", "what it is", "recipe", "measured here", "verdict"];

    /// <summary>Replaces the experiment's row, or adds it in the order of the numbers.</summary>
    /// <returns>The file's path.</returns>
    /// <exception cref="UserError">The file is there but has no such table.</exception>
    public static string Update(string docs, Experiment experiment, ExperimentResult result)
    {
        var path = Path.Combine(docs, "systems.md");
        List<string> lines = File.Exists(path) ? [.. File.ReadAllText(path).TrimEnd('\n').Split('\n')] : [.. NewPage()];
        var first = lines.IndexOf(Markdown.Row(Columns)) + 2;
        if (first < 2 || first > lines.Count)
            throw new UserError($"{path} has no table of systems: a line '{Markdown.Row(Columns)}' and the one below it. Put them back, or delete the file.");
        var end = first;
        while (end < lines.Count && lines[end].StartsWith('|'))
            end++;
        var at = Enumerable.Range(first, end - first).FirstOrDefault(i => string.CompareOrdinal(NumberOf(lines[i]), experiment.Number) >= 0, end);
        if (at < end && NumberOf(lines[at]) == experiment.Number)
            lines.RemoveAt(at);
        lines.Insert(at, Row(experiment, result));
        AtomicFile.WriteText(path, string.Join('\n', lines) + "\n");
        return path;
    }

    private static string Row(Experiment experiment, ExperimentResult result) => Markdown.Row(
    [
        $"{experiment.Number} {Markdown.Cell(experiment.System)} ([arXiv {experiment.Paper}](https://arxiv.org/abs/{experiment.Paper}))",
        Markdown.Cell(experiment.WhatItIs),
        experiment.Recipe.Length == 0 ? "-" : $"`{experiment.Recipe}`",
        $"[{Markdown.Cell(result.Summary)}](results/{experiment.Name}.md)",
        ResultsPage.Word(result.Verdict),
    ]);

    /// <summary>The first word of a row: the system's number.</summary>
    private static string NumberOf(string row) => row.TrimStart('|', ' ').Split(' ')[0];

    private static string[] NewPage() =>
    [
        "# Systems",
        "Published systems that are built here as recipes over shared parts, and what repeating their central result at a small size gave.",
        "`onnxmoe reproduce NAME` measures one again and writes its page and its row; all layer experiments share one small language model",
        "(bytes of the State of the Union addresses, width 64, 400 steps), so that most absolute numbers of a paper are out of reach and",
        "only the direction is tested. A verdict is a finding: *reproduced*, *inconclusive* or *contradicted* by the paired mean against its standard error.",
        "",
        Markdown.Row(Columns),
        Markdown.Row(Columns.Select(_ => "---")),
    ];
}
