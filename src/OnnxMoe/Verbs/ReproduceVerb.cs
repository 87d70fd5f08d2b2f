using OnnxMoe.Experiments;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Cli.Verbs;

/// <summary>Repeats a published system's central result at a small size.</summary>
public sealed class ReproduceVerb : Verb
{
    public override string Name => "reproduce";

    public override string Summary => "repeats a published system's result at a small size; a stopped run goes on";

    public override string Usage => "reproduce SYSTEM";

    public override string ArgumentKey => "Reproduce:System";

    public override string OwnSection => "Reproduce";

    public override IReadOnlyList<string> Sections => ["Data", "Reproduce"];

    public override IReadOnlyList<string> Examples =>
    [
        .. ExperimentList.All.Select(experiment => $"onnxmoe reproduce {experiment.Name}"),
        $"onnxmoe reproduce {ExperimentList.All[0].Name} --seeds 5 --fresh",
    ];

    public override Task RunAsync(VerbContext context)
    {
        var settings = context.Settings;
        ReproduceRun.Execute(settings.Root.Models, settings.Get<ReproduceOptions>(OwnSection), settings.Root.Seed, settings.Get<DataOptions>("Data"),
            context.Output, terminal: !Console.IsOutputRedirected, context.Stop);
        return Task.CompletedTask;
    }
}
