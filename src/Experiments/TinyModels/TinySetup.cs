using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.TinyModels;

/// <summary>
/// The one small language-model set-up of all layer experiments, so that their numbers compare: bytes of the built-in text,
/// hidden size 64, 4 layers of 4 heads, sequences of 64, batches of 16, AdamW at 2e-3 for 400 steps; 8 experts of hidden size 64,
/// 2 for a token. What an experiment overrides is in its arms.
/// </summary>
/// <param name="Model">Sizes and routing.</param>
/// <param name="Trainer">Steps, batches and optimizer.</param>
public sealed record TinySetup(ModelOptions Model, TrainerOptions Trainer)
{
    /// <summary>The set-up with an experiment's changes.</summary>
    public static TinySetup Create(Action<ModelOptions>? model = null, Action<TrainerOptions>? trainer = null)
    {
        var setup = new TinySetup(
            new ModelOptions
            {
                Layers = 4,
                HiddenSize = 64,
                Heads = 4,
                ContextLength = 64,
                Experts = 8,
                ExpertsPerToken = 2,
                ExpertHidden = 64,
                SharedExperts = 0,
                Router = new() { WeightRule = "renormalized", BalanceLoss = 0.01, ZLoss = 0 },
                InitialDeviation = 0.06, // of 0.02, 0.06 and 0.125 the best, for top-2 and for fine-grained experts alike
            },
            new TrainerOptions
            {
                Steps = 400,
                BatchSize = 16,
                SequenceLength = 64,
                LearningRate = 2e-3,
                WarmupSteps = 40,
                EvaluationTokens = 32768,
                Threads = 1,
            });
        model?.Invoke(setup.Model);
        trainer?.Invoke(setup.Trainer);
        return setup;
    }

    /// <summary>The same set-up trained for another number of steps; the warm-up keeps its share.</summary>
    public TinySetup WithSteps(int steps)
    {
        if (steps != Trainer.Steps)
            Trainer.WarmupSteps = (int)((long)Trainer.WarmupSteps * steps / Trainer.Steps);
        Trainer.Steps = steps;
        return this;
    }
}
