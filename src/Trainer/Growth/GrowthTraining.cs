using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Growth;

/// <summary>
/// The phases of growing (Pham et al. 2024, arXiv 2311.04251): one narrow network, the other, growth, the whole network; each with a new optimizer and a cosine of its
/// own. Coefficients are vectors and so do not decay.
/// </summary>
public static class GrowthTraining
{
    /// <param name="model">What grows.</param>
    /// <param name="data">Training data.</param>
    /// <param name="options">Of the optimizers, and Trainer:Growth.</param>
    /// <param name="seed">Of batches and new coefficients.</param>
    /// <param name="device">Where the model is; null for the CPU.</param>
    /// <exception cref="UserError">There are no steps left for the whole network.</exception>
    public static AlternatingTrainer Of(GrowingClassifier model, LabeledSequences data, TrainerOptions options, long seed, Device? device)
    {
        var member = options.Growth.MemberSteps;
        var rest = options.Steps - (2 * member);
        if (rest < 1)
            throw new UserError($"Trainer:Growth:MemberSteps is {member} for each of two narrow networks, which leaves nothing of Trainer:Steps {options.Steps} for the whole one.");
        return new([Phase(GrowthMode.First, member, options.LearningRate), Phase(GrowthMode.Second, member, options.LearningRate), Phase(GrowthMode.Whole, rest, options.Growth.LearningRate)],
            roundDecay: 1, options.FinalLearningRate);

        TrainingPhase Phase(GrowthMode mode, int steps, double rate)
        {
            var optimizer = new WeightOptimizer(model.WeightsOf(mode), options, prefix: $"{mode}/");
            var step = new ClassifierStep(model, optimizer, data, options, seed, device);
            return new(steps, rate, optimizer, (number, at) =>
            {
                if (mode == GrowthMode.Whole && number == 2 * member)
                    model.Grow(seed);
                model.Mode = mode;
                return step.Run(number, at);
            });
        }
    }
}
