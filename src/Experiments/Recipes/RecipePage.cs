using System.Globalization;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Experiments.Pages;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Quantization;
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
/// <param name="Supernet">How a supernet is trained.</param>
/// <param name="Changed">Settings that differ from the defaults, with their values.</param>
/// <param name="Docs">Folder of the results pages.</param>
public sealed record RecipePage(string Name, string Description, string Paper, DataOptions Data, ModelOptions Model, string? Space, SupernetOptions Supernet, IReadOnlyList<(string Key, string Value)> Changed, string Docs)
{
    /// <summary>Prints the page.</summary>
    /// <exception cref="Artifacts.UserError">The recipe's settings do not go together.</exception>
    public void Write(TextWriter output)
    {
        Model.Check();
        var space = Space is null ? null : SearchSpaceFile.Read(Space);
        var vocabulary = Data.Tokenizer == ByteTokenizer.Name ? new ByteTokenizer().VocabularySize : Data.VocabularySize;
        var classifies = Model.Backbone is not (ModelOptions.Decoder or ModelOptions.MaskedLm or ModelOptions.EncoderDecoder);
        var bits = !classifies && space is not null && BitSupernet.Holds(space) ? new BitSupernet(Model, space, vocabulary, seed: 0) : null;
        var supernet = classifies || space is null || bits is not null ? null : new TransformerSupernet(Model, Supernet, space, vocabulary, seed: 0);
        Model model = classifies ? ClassifierRun.Build(Model, Supernet, space, LabeledDataset.SizesOf(Data), seed: 0, device: null)
            : supernet?.Transformer ?? bits?.Model ?? TransformerModel.Build(Model, vocabulary, new LayerScope(0));
        output.WriteLine($"{Name}: {Description}".TrimEnd(' ', ':'));
        if (Paper.Length > 0)
            output.WriteLine($"Paper: {Paper}");
        if (model is Classifier network and not EncoderClassifier)
        {
            Section(output, "Model", [.. ModelComposition.Describe(space is null ? Model : ((ISupernet)model).OptionsOf(space.Largest), model), .. space is null ? [] : Genes(space), .. Copies(), .. Splits(space)]);
            Section(output, "Cost", CostOfInput(network, space));
        }
        else if (supernet is not null)
        {
            Section(output, "Model", [.. ModelComposition.Describe(supernet.OptionsOf(space!.Largest), model), .. Genes(space), .. Mixture()]);
            Section(output, "Cost", [$"supernet: parameters: {Text($"{ModelCost.Parameters(model).Total:N0}")}", .. SubSpaces.Ends(space).SelectMany(end => new[] { $"{end}:" }.Concat(Cost(supernet.Extract(end), [Model.ContextLength - 1])))]);
        }
        else
        {
            Section(output, "Model", [.. ModelComposition.Describe(Model, model), .. bits is null ? [] : Genes(space!)]);
            Section(output, "Cost", Cost(model, Model.Backbone == ModelOptions.Decoder ? [0, Model.ContextLength - 1] : [Model.ContextLength - 1]));
        }
        Section(output, "Settings that differ from the defaults", Columns(Changed));
        Section(output, "Commands", Commands());
        if (ResultsPages().ToArray() is { Length: > 0 } pages)
            Section(output, "Measured here", pages.SelectMany(page => ResultsPage.ReadVerdicts(page).Append($"all numbers: {page}")));
    }

    private IEnumerable<string> Copies() => Supernet.Copies.Count > 1 ? [$"{Supernet.Copies.Count} such supernets share the architectures{(Supernet.Copies.Balanced ? ", all equally busy" : "")}"] : [];

    private IEnumerable<string> Splits(SearchSpace? space) => space is null || !Supernet.Split.IsOn ? []
        : [$"becomes {Math.Pow(Supernet.Split.ChildrenOf(space.Choices[0]), Supernet.Split.At.Length)} such supernets, split at the steps {string.Join(", ", Supernet.Split.At)} ({Supernet.Split.By})"];

    private IEnumerable<string> Mixture()
    {
        var (mixture, distill) = (Supernet.Mixture, Supernet.Distill);
        if (mixture.Experts > 1)
            yield return $"feed-forward matrices are mixtures of {mixture.Experts}, in a proportion for each {(mixture.Variant == "neuron" ? "neuron" : "layer")} that a router finds from the architecture ({mixture.Features} features)";
        if (distill.Teacher.Length > 0)
            yield return $"learns the self-attention relations of {distill.Teacher} ({distill.Loss})";
    }

    private IEnumerable<string> Genes(SearchSpace space)
    {
        yield return Text($"a supernet of {space.Size:N0} architectures ({Space}); the sizes are the largest's");
        foreach (var group in space.Groups)
            yield return $"  {group.Name}{(group.Count == 1 ? "" : $" ({group.Count} times)")}: {string.Join(", ", group.Choices)}";
    }

    private static IEnumerable<string> CostOfInput(Classifier model, SearchSpace? space)
    {
        if (space is null)
        {
            yield return CostOfInput("", model);
            yield break;
        }
        var supernet = (ISupernet)model;
        foreach (var (label, end) in new[] { ("largest: ", space.Largest), ("smallest: ", space.Smallest) })
            if (supernet.IsValid(end))
                yield return CostOfInput(label, (Classifier)supernet.Extract(end));
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
