using System.Diagnostics;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Training;

/// <summary>One optimizer step of a router before the model, which learns from the dense model; the model itself is not touched.</summary>
/// <param name="router">Learns.</param>
/// <param name="teacher">The dense model.</param>
/// <param name="loss">What is learnt.</param>
/// <param name="optimizer">Of the router's weights.</param>
/// <param name="data">The text.</param>
/// <param name="rows">Sequences of a step.</param>
/// <param name="length">Tokens of a sequence.</param>
/// <param name="seed">The run's.</param>
/// <param name="device">Where the router is; null for the CPU.</param>
public sealed class RouterDistillationStep(PreGatingRouter router, RoutingTeacher teacher, RoutingDistillationLoss loss, WeightOptimizer optimizer, TrainingMix data,
    int rows, int length, long seed, Device? device)
{
    private readonly TorchOps _ops = new(training: true, device);

    /// <summary>Makes step number <paramref name="step"/>; its batch depends on the seed and the step alone.</summary>
    public StepMetrics Run(int step, double learningRate)
    {
        var clock = Stopwatch.StartNew();
        using var scope = NewDisposeScope();
        var batch = data.Batch(seed, step, 0, rows, length);
        var (ids, positions) = batch.ToValues(_ops);
        var objective = loss.Of(teacher.Activations(batch, device), TorchOps.TensorOf(router.Score(ids, positions)).reshape(-1, router.Experts));
        objective.backward();
        var norm = optimizer.Step(learningRate);
        return new StepMetrics(objective.item<float>(), new Dictionary<string, double>(), norm, learningRate, rows * length / clock.Elapsed.TotalSeconds) { LossName = "router_loss" };
    }
}
