using System.Globalization;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Experiments.Pages;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;

namespace OnnxMoe.Experiments.Recipes;

/// <summary>Explains one recipe on the terminal: what it builds, what that costs, how to use it, what it measured here.</summary>
/// <param name="Name">The recipe's name.</param>
/// <param name="Description">Its one line.</param>
/// <param name="Paper">The paper it follows; empty for none.</param>
/// <param name="Data">Tokenizer and vocabulary.</param>
/// <param name="Model">Sizes and routing.</param>
/// <param name="Changed">Settings that differ from the defaults, with their values.</param>
/// <param name="Docs">Folder of the results pages.</param>
public sealed record RecipePage(string Name, string Description, string Paper, DataOptions Data, ModelOptions Model, IReadOnlyList<(string Key, string Value)> Changed, string Docs)
{
    /// <summary>Prints the page.</summary>
    /// <exception cref="Artifacts.UserError">The recipe's settings do not go together.</exception>
    public void Write(TextWriter output)
    {
        Model.Check();
        var isEncoder = Model.Backbone == ModelOptions.Encoder;
        Model model = isEncoder ? new EncoderClassifier(Model, LabeledDataset.SizesOf(Data), seed: 0)
            : new DecoderLm(Model, Data.Tokenizer == ByteTokenizer.Name ? new ByteTokenizer().VocabularySize : Data.VocabularySize, seed: 0);
        output.WriteLine($"{Name}: {Description}".TrimEnd(' ', ':'));
        if (Paper.Length > 0)
            output.WriteLine($"Paper: {Paper}");
        Section(output, "Model", ModelComposition.Describe(Model, model));
        Section(output, "Cost", Cost(model, isEncoder ? [Model.ContextLength - 1] : [0, Model.ContextLength - 1]));
        Section(output, "Settings that differ from the defaults", Columns(Changed));
        Section(output, "Commands", Commands());
        if (ResultsPages().ToArray() is { Length: > 0 } pages)
            Section(output, "Measured here", pages.SelectMany(page => ResultsPage.ReadVerdicts(page).Append($"all numbers: {page}")));
    }

    private static IEnumerable<string> Cost(Model model, int[] positions)
    {
        var size = ModelCost.Parameters(model);
        yield return Text($"parameters: {size.Total:N0}, of which a token meets {size.Active:N0}");
        foreach (var position in positions)
        {
            var parts = ModelCost.Flops(model, new CostContext(position + 1));
            yield return Text($"FLOPs a token at position {position}: {parts.Sum(part => part.Flops):N0} ({string.Join(", ", parts.Select(part => Text($"{part.Part} {part.Flops:N0}")))})");
        }
    }

    private IEnumerable<string> Commands() =>
    [
        $"onnxmoe train {Name}",
        $"onnxmoe export {Name}",
        $"onnxmoe serve {Name}",
        .. Experiments().Select(experiment => $"onnxmoe reproduce {experiment.Name}"),
    ];

    private IEnumerable<Experiment> Experiments() => ExperimentList.All.Where(experiment => experiment.Recipe == Name || experiment.ShortName == Name);

    private IEnumerable<string> ResultsPages() =>
        Experiments().Select(experiment => experiment.Name).Append(Name).Distinct().Select(name => ResultsPage.PathOf(Docs, name)).Where(File.Exists);

    private static void Section(TextWriter output, string heading, IEnumerable<string> lines)
    {
        output.WriteLine();
        output.WriteLine(heading);
        foreach (var line in lines)
            output.WriteLine("  " + line);
    }

    private static IEnumerable<string> Columns(IReadOnlyList<(string Key, string Value)> rows)
    {
        var width = rows.Select(row => row.Key.Length).DefaultIfEmpty().Max();
        return rows.Select(row => $"{row.Key.PadRight(width)}  {row.Value}");
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
