using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
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

    public override IReadOnlyList<string> Sections => ["Data", "Model", "Trainer"];

    public override IReadOnlyList<string> Examples =>
    [
        "onnxmoe train demo",
        "onnxmoe train demo --name wider --Model:HiddenSize=192 --steps 500",
    ];

    public override Task RunAsync(VerbContext context)
    {
        var folder = ModelFolder.New(context, this);
        var settings = context.Settings;
        var training = new TrainSettings(Path.GetFileName(folder), settings.Root.Seed,
            settings.Get<DataOptions>("Data"), settings.Get<ModelOptions>("Model"), settings.Get<TrainerOptions>("Trainer"));
        TrainRun.Execute(folder, training, context.Output, terminal: !Console.IsOutputRedirected, context.Stop);
        context.Stop.ThrowIfCancellationRequested();
        return Task.CompletedTask;
    }
}
