using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Comparisons;

/// <summary>The verb compare: several recipes trained at an equal budget, exported, timed, and shown on one page.</summary>
public static class CompareRun
{
    /// <param name="recipes">Name and settings of each, the first being the one that times are relative to.</param>
    /// <param name="options">Budget, folder, how to time.</param>
    /// <param name="log">Takes progress.</param>
    /// <param name="terminal">True when the log is a terminal.</param>
    /// <param name="cancel">Stops after the current step; the same command goes on from there.</param>
    /// <exception cref="UserError">No recipe or one twice, settings that do not fit, or no text.</exception>
    public static void Execute(IReadOnlyList<(string Name, TrainSettings Settings)> recipes, CompareOptions options, TextWriter log, bool terminal, CancellationToken cancel)
    {
        if (recipes.Count == 0)
            throw new UserError("onnxmoe compare needs recipes: onnxmoe compare A B C.");
        if (recipes.GroupBy(recipe => recipe.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new UserError($"The recipe {twice.Key} is named twice; each model of a comparison needs a name of its own.");
        var budget = new Budget(options, recipes.Select(recipe => recipe.Settings));
        var training = new CompareTraining(options.Output, budget, log, terminal, cancel);
        var models = recipes.Select(recipe => training.Make(recipe.Name, recipe.Settings)).ToArray();
        log.WriteLine($"Timing {models.Length} models, {options.Repetitions} rounds");
        var latencies = LatencyBench.Run(models, options, log, cancel);
        var page = Path.Combine(options.Output, "compare.html");
        new ComparePage(models, latencies, budget, options).Save(page);
        log.WriteLine($"Page: {page}");
    }
}
