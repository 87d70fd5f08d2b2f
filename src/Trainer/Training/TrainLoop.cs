using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Trainer.Training;

/// <summary>Steps, evaluations and checkpoints until the last step or a cancellation.</summary>
internal sealed class TrainLoop(TrainerOptions options, ITrainingStep step, Func<Validation> validate, CheckpointStore store, MetricsFile metrics, ProgressLine progress)
{
    /// <summary>Trains a model in its folder, going on from a checkpoint there, and leaves the weights in it that are to be kept.</summary>
    /// <param name="modelFolder">Made if needed.</param>
    /// <param name="settings">The recipe.</param>
    /// <param name="model">What is trained.</param>
    /// <param name="step">Makes the steps.</param>
    /// <param name="validate">Measures on data that is not trained on.</param>
    /// <param name="start">Sets the initial weights where training does not go on; null leaves them as they are.</param>
    /// <param name="log">Takes progress.</param>
    /// <param name="terminal">True when the log is a terminal.</param>
    /// <param name="cancel">Stops after the current step, with a checkpoint.</param>
    /// <returns>The last state and all metrics; null when training was stopped.</returns>
    public static (Checkpoint State, IReadOnlyList<JsonObject> Metrics)? Train(string modelFolder, TrainSettings settings, Model model, ITrainingStep step,
        Func<Validation> validate, Action? start, TextWriter log, bool terminal, CancellationToken cancel)
    {
        var options = settings.Trainer;
        var store = new CheckpointStore(modelFolder, model.Weights, step);
        var state = options.Resume && store.Exists ? store.Load(settings.Fingerprint()) : Checkpoint.Start(settings.Fingerprint());
        if (state.Step > 0)
            log.WriteLine($"Going on from the checkpoint at step {state.Step}.");
        else
            start?.Invoke();
        Directory.CreateDirectory(modelFolder);
        using var metrics = new MetricsFile(Path.Combine(modelFolder, "metrics.jsonl"), state.Step);
        var progress = new ProgressLine(log, options.Steps, state.Step, terminal);
        state = new TrainLoop(options, step, validate, store, metrics, progress).Run(state, cancel);
        if (state.Step < options.Steps)
        {
            log.WriteLine($"Stopped at step {state.Step} of {options.Steps}; the same command goes on from there.");
            return null;
        }
        WeightFile.Load(store.Best, model.Weights);
        return (state, metrics.Read());
    }

    /// <summary>Returns the state after the last step made.</summary>
    private Checkpoint Run(Checkpoint state, CancellationToken cancel)
    {
        while (state.Step < options.Steps)
        {
            var measured = step.Run(state.Step);
            if (!double.IsFinite(measured.Loss))
                throw new Artifacts.UserError($"The loss is {measured.Loss} at step {state.Step + 1}; a smaller Trainer:LearningRate or a longer Trainer:WarmupSteps usually helps.");
            state = state with { Step = state.Step + 1 };
            metrics.Add(Entry(state.Step, measured));
            progress.Update(state.Step, string.Create(CultureInfo.InvariantCulture, $"{measured.LossName.Replace('_', ' ')} {measured.Loss:F3}  {measured.TokensPerSecond:N0} tokens/s"));
            var stopping = cancel.IsCancellationRequested;
            if (state.Step % options.EvaluateEvery == 0 || state.Step == options.Steps)
                state = Evaluate(state);
            if (state.Step % options.CheckpointEvery == 0 || state.Step == options.Steps || stopping)
                store.Save(state);
            if (stopping)
                break;
        }
        return state;
    }

    private Checkpoint Evaluate(Checkpoint state)
    {
        var (loss, entry, more) = validate();
        entry.Insert(0, "step", state.Step);
        metrics.Add(entry);
        progress.Say(string.Create(CultureInfo.InvariantCulture, $"step {state.Step}: validation loss {loss:F4}{more}"));
        if (options.Keep == "best" && loss >= state.BestLoss)
            return state;
        store.SaveBest();
        return state with { BestLoss = loss, BestStep = state.Step };
    }

    private static JsonObject Entry(int step, StepMetrics measured)
    {
        var entry = new JsonObject
        {
            ["step"] = step,
            [measured.LossName] = measured.Loss,
            ["learning_rate"] = measured.LearningRate,
            ["gradient_norm"] = measured.GradientNorm,
            ["tokens_per_second"] = measured.TokensPerSecond,
        };
        if (measured.ActiveExperts is { } activeExperts)
            entry["active_experts"] = activeExperts;
        foreach (var (name, value) in measured.Auxiliary)
            entry[name] = value;
        if (measured.ExpertCounts is { } counts)
            entry[IterationCounts.MetricsKey] = JsonSerializer.SerializeToNode(counts);
        return entry;
    }
}
