using OnnxMoe.Artifacts;
using OnnxMoe.Experiments.Systems;

namespace OnnxMoe.Experiments;

/// <summary>All experiments, in the order of their numbers.</summary>
public static class ExperimentList
{
    public static IReadOnlyList<Experiment> All { get; } =
    [
        new MixtureOfSupernets(),
        new BalancedSupernets(),
        new Rmoe(),
        new HardwareAwareNas(),
        new ParallelFolding(),
        new GmNas(),
        new ReadMe(),
        new Uoe(),
        new OneQuantLlm(),
        new DeepSpeedMoe(),
        new DeepSeekMoe(),
        new Hecate(),
        new MixtureGrowth(),
        new PaDa(),
        new Comet(),
        new ChainOfExperts(),
        new GraphOfTokens(),
        new SuperTickets(),
        new AutoDistil(),
        new AdaMoe(),
        new MomentumSmoe(),
        new SdDarts(),
        new SmoeDropout(),
        new MoePlusPlus(),
        new DynamicMoe(),
        new MoeTuner(),
        new DartsPt(),
        new Bam(),
        new SimqNas(),
    ];

    /// <summary>The experiment of that name, with or without its number.</summary>
    /// <exception cref="UserError">There is none.</exception>
    public static Experiment Find(string name) =>
        All.FirstOrDefault(experiment => experiment.Name == name || experiment.ShortName == name)
        ?? throw new UserError((name.Length == 0 ? "onnxmoe reproduce needs the name of a system" : $"There is no experiment '{name}'")
            + $"; there are: {string.Join(", ", All.Select(experiment => experiment.Name))}.");
}
