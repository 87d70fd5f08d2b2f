using System.Globalization;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Experiments.Pages;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Recipes;

/// <summary>Explains one recipe on the terminal: what it builds, what that costs, how to use it, what it measured here.</summary>
/// <param name="Name">The recipe's name.</param>
/// <param name="Description">Its one line.</param>
/// <param name="Paper">The paper it follows; empty for none.</param>
/// <param name="Data">Tokenizer and vocabulary.</param>
/// <param name="Model">Sizes and routing.</param>
/// <param name="Space">The search space's file; null for an ordinary model.</param>
/// <param name="Changed">Settings that differ from the defaults, with their values.</param>
/// <param name="Docs">Folder of the results pages.</param>
public sealed record RecipePage(string Name, string Description, string Paper, DataOptions Data, ModelOptions Model, string? Space, IReadOnlyList<(string Key, string Value)> Changed, string Docs)
{
    /// <summary>Prints the page.</summary>
    /// <exception cref="Artifacts.UserError">The recipe's settings do not go together.</exception>
    public void Write(TextWriter output)
    {
        Model.Check();
        var space = Space is null ? null : SearchSpaceFile.Read(Space);
        Model model = Model.Backbone != ModelOptions.Decoder ? ClassifierRun.Build(Model, new SupernetOptions(), space, LabeledDataset.SizesOf(Data), seed: 0, device: null)
            : new DecoderLm(Model, Data.Tokenizer == ByteTokenizer.Name ? new ByteTokenizer().VocabularySize : Data.VocabularySize, seed: 0);
        output.WriteLine($"{Name}: {Description}".TrimEnd(' ', ':'));
        if (Paper.Length > 0)
            output.WriteLine($"Paper: {Paper}");
        Section(output, "Model", [.. ModelComposition.Describe(space is null ? Model : ((ISupernet)model).OptionsOf(space.Largest), model), .. space is null ? [] : Choices(space)]);
        Section(output, "Cost", model is Classifier network and not EncoderClassifier ? CostOfInput(network, space)
            : Cost(model, Model.Backbone == ModelOptions.Encoder ? [Model.ContextLength - 1] : [0, Model.ContextLength - 1]));
        Section(output, "Settings that differ from the defaults", Columns(Changed));
        Section(output, "Commands", Commands());
        if (ResultsPages().ToArray() is { Length: > 0 } pages)
            Section(output, "Measured here", pages.SelectMany(page => ResultsPage.ReadVerdicts(page).Append($"all numbers: {page}")));
    }

    private IEnumerable<string> Choices(SearchSpace space)
    {
        yield return Text($"a supernet of {space.Size:N0} architectures ({Space}); the sizes are the largest's");
        foreach (var group in space.Groups)
            yield return $"  {group.Name}{(group.Count == 1 ? "" : $" ({group.Count} times)")}: {string.Join(", ", group.Choices)}";
    }

    private static IEnumerable<string> CostOfInput(Classifier model, SearchSpace? space)
    {
        yield return CostOfInput(space is null ? "" : "largest: ", model);
        if (space is not null && ((ISupernet)model).IsValid(space.Smallest))
            yield return CostOfInput("smallest: ", (Classifier)((ISupernet)model).Extract(space.Smallest));
    }

    private static string CostOfInput(string label, Classifier model) =>
        Text($"{label}parameters: {ModelCost.Parameters(model).Total:N0}; FLOPs of an input: {model.CostOfToken(new CostContext(1)).Sum(part => part.Flops):N0}");

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
        .. Space is null ? new[] { $"onnxmoe export {Name}", $"onnxmoe serve {Name}" } : [$"onnxmoe search {Name}", $"onnxmoe serve {Name}-subnet"],
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
