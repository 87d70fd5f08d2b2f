using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Data;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>The training of Read-ME: rounds in which first the router learns from the dense model, then the experts learn the text as the router chooses them.</summary>
public static class ReadMeTraining
{
    /// <param name="model">Has a router before it.</param>
    /// <param name="teacher">The dense model.</param>
    /// <param name="data">The text.</param>
    /// <param name="options">Steps and rates.</param>
    /// <param name="seed">The run's.</param>
    /// <param name="length">Tokens of a sequence.</param>
    /// <param name="device">Where the model is; null for the CPU.</param>
    public static AlternatingTrainer Of(DecoderLm model, RoutingTeacher? teacher, TrainingMix data, TrainerOptions options, long seed, int length, Device? device)
    {
        var (turns, router) = (options.Alternation, model.Router);
        if (router is null || teacher is null)
            throw new UserError("Trainer:Alternation:RouterSteps trains a router before the model by what a dense model does, so it needs Start:Convert=read-me; leave it at 0 otherwise.");
        var loss = new RoutingDistillationLoss(teacher, turns.Distillation, device);
        var routerOptimizer = new WeightOptimizer(router.Weights, options);
        var backboneOptimizer = new WeightOptimizer(model.BackboneWeights, options);
        var distillation = new RouterDistillationStep(router, teacher, loss, routerOptimizer, data, turns.RouterBatchSize > 0 ? turns.RouterBatchSize : options.BatchSize, length, seed, device);
        var tuning = new LanguageModelStep(model, backboneOptimizer, data, options, seed, length, device);
        return new AlternatingTrainer(
            [
                new TrainingPhase(turns.RouterSteps, turns.RouterLearningRate, routerOptimizer, distillation.Run),
                new TrainingPhase(turns.BackboneSteps, options.LearningRate, backboneOptimizer, tuning.Run),
            ], turns.RoundDecay, options.FinalLearningRate);
    }
}
