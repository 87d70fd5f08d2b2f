using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Comparisons;

/// <summary>What every model of a comparison may spend on training: steps, tokens or floating-point operations.</summary>
public sealed class Budget
{
    /// <summary>Backward takes twice the products of forward.</summary>
    public const double TrainingPasses = 3;

    private readonly CompareOptions _options;
    private readonly int _steps;

    /// <param name="options">At most one of Steps, Tokens and Flops.</param>
    /// <param name="recipes">Give the steps when the options give no budget.</param>
    /// <exception cref="UserError">Two budgets at once.</exception>
    public Budget(CompareOptions options, IEnumerable<TrainSettings> recipes)
    {
        if (new[] { options.Steps > 0, options.Tokens > 0, options.Flops > 0 }.Count(given => given) > 1)
            throw new UserError("Compare:Steps, Compare:Tokens and Compare:Flops are each a budget; give one of them.");
        _options = options;
        _steps = options.Steps > 0 ? options.Steps : recipes.Min(recipe => recipe.Trainer.Steps);
    }

    /// <summary>The budget in words.</summary>
    public string Describe() => FormattableString.Invariant(_options.Tokens > 0 ? $"{_options.Tokens:N0} training tokens"
        : _options.Flops > 0 ? $"{_options.Flops:G4} training FLOPs" : (FormattableString)$"{_steps:N0} steps");

    /// <summary>Optimizer steps within the budget, at least one.</summary>
    public int StepsOf(TrainSettings settings, DecoderLm model)
    {
        var tokens = TokensPerStep(settings);
        var steps = _options.Tokens > 0 ? (double)_options.Tokens / tokens
            : _options.Flops > 0 ? _options.Flops / (TrainingFlopsPerToken(settings, model) * tokens)
            : _steps;
        return (int)Math.Clamp(Math.Round(steps), 1, int.MaxValue);
    }

    /// <summary>Tokens that one optimizer step learns from.</summary>
    public static long TokensPerStep(TrainSettings settings) => (long)settings.Trainer.BatchSize * settings.Trainer.Accumulation * Length(settings);

    /// <summary>Floating-point operations of training on one token, forward and backward.</summary>
    /// <param name="settings">Give the length of a sequence.</param>
    /// <param name="model">The model.</param>
    /// <param name="activeExperts">See <see cref="CostContext.ActiveExperts"/>.</param>
    public static double TrainingFlopsPerToken(TrainSettings settings, DecoderLm model, IReadOnlyDictionary<RoutingSite, double>? activeExperts = null) =>
        TrainingPasses * ModelCost.Flops(model, new CostContext((Length(settings) + 1) / 2.0) { ActiveExperts = activeExperts }).Sum(part => part.Flops);

    private static int Length(TrainSettings settings) => settings.Trainer.SequenceLength == 0 ? settings.Model.ContextLength : settings.Trainer.SequenceLength;
}
