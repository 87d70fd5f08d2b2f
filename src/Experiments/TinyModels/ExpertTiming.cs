using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Experiments.TinyModels;

/// <summary>
/// Times the experts of a trained model on the routing of validation text, apart from everything else. It is processor time, which other programs on
/// the machine change little.
/// </summary>
public static class ExpertTiming
{
    private const int Batches = 20;

    /// <summary>Milliseconds of processor time that all routed experts take for a batch of the training's size, the median of 20 batches.</summary>
    public static double Milliseconds(TinyRun run)
    {
        var times = new List<double>();
        // The first batch warms up.
        run.Evaluate(new EvaluationHooks { Observe = batch => times.Add(Pass(run, batch)) }, (Batches + 1) * run.Setup.Trainer.BatchSize * run.Length);
        return times.Skip(1).Order().ElementAt((times.Count - 1) / 2);
    }

    private static double Pass(TinyRun run, EvaluatedBatch batch)
    {
        using var scope = NewDisposeScope();
        var x = new TorchOps().Value(ones(batch.Batch.Inputs.Length, run.Setup.Model.HiddenSize)); // what a token holds does not change the time
        var before = Environment.CpuUsage.TotalTime;
        foreach (var (layer, routing) in batch.Context.Routings)
            layer.Experts.Apply(x, routing);
        return (Environment.CpuUsage.TotalTime - before).TotalMilliseconds;
    }
}
