using OnnxMoe.Artifacts;
using OnnxMoe.Cli.Settings;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Cli.Verbs;

/// <summary>Trains what a recipe says, into a model folder of the recipe's name.</summary>
public sealed class TrainVerb : Verb
{
    public override string Name => "train";

    public override string Summary => "trains what a recipe says, into models/NAME; goes on where an earlier run of it stopped";

    public override string Usage => "train RECIPE";

    public override string ArgumentKey => RecipeKey;

    public override string OwnSection => "Trainer";

    public override IReadOnlyList<string> Sections => ["Data", "Model", "Start", "Supernet", "Trainer"];

    public override IReadOnlyList<string> Examples =>
    [
        "onnxmoe train demo",
        "onnxmoe train demo --name wider --Model:HiddenSize=192 --steps 500",
    ];

    public override Task RunAsync(VerbContext context)
    {
        Train(context, context.Settings, []);
        return Task.CompletedTask;
    }

    /// <param name="waiting">The models that wait for this one to be trained.</param>
    private void Train(VerbContext context, ResolvedSettings settings, IReadOnlyList<string> waiting)
    {
        var folder = ModelFolder.New(context with { Settings = settings }, this);
        var training = new TrainSettings(Path.GetFileName(folder), settings.Root.Seed,
            settings.Get<DataOptions>("Data"), settings.Get<ModelOptions>("Model"), settings.Get<TrainerOptions>("Trainer"))
        {
            Start = settings.Get<StartOptions>("Start"),
            Supernet = settings.Get<SupernetOptions>("Supernet"),
        };
        var teacher = training.Supernet.Distill.Teacher;
        foreach (var source in training.Start.Sources().Concat(teacher.Length > 0 ? [teacher] : []).Where(source => !File.Exists(Path.Combine(StartModels.Folder(folder, source), ModelManifest.FileName))))
        {
            if (source == training.Name || waiting.Contains(source))
                throw new UserError($"'{training.Name}' needs '{source}' ({(source == teacher ? "Supernet:Distill:Teacher" : "Start:From")}), which needs it in turn; a model cannot start from itself.");
            if (source.EndsWith("-subnet", StringComparison.Ordinal))
                throw new UserError($"'{training.Name}' starts from '{source}', which a search leaves; run 'onnxmoe search {source[..^"-subnet".Length]}' first.");
            context.Output.WriteLine($"{training.Name} {(source == teacher ? "learns" : "starts")} from {source}, which is trained first.");
            Train(context, context.Settings.OfRecipe(source), [.. waiting, training.Name]);
        }
        TrainRun.Execute(folder, training, context.Output, terminal: !Console.IsOutputRedirected, context.Stop);
        context.Stop.ThrowIfCancellationRequested();
    }
}
