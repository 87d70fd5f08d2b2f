using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Training;

/// <summary>Steps, evaluations and checkpoints until the last step or a cancellation.</summary>
internal sealed class TrainLoop(TrainSettings settings, int length, TorchSharp.torch.Device? device, DecoderLm model, TokenDataset data, WeightOptimizer optimizer,
    CheckpointStore store, MetricsFile metrics, ProgressLine progress)
{
    private readonly TrainerOptions _options = settings.Trainer;

    /// <summary>Returns the state after the last step made.</summary>
    public Checkpoint Run(Checkpoint state, CancellationToken cancel)
    {
        var step = new LanguageModelStep(model, optimizer, data.Training, _options, settings.Seed, length, device);
        var evaluator = new Evaluator(model, data.Domains, _options.BatchSize, length, _options.EvaluationTokens, device);
        while (state.Step < _options.Steps)
        {
            var measured = step.Run(state.Step);
            if (!double.IsFinite(measured.Loss))
                throw new Artifacts.UserError($"The loss is {measured.Loss} at step {state.Step + 1}; a smaller Trainer:LearningRate or a longer Trainer:WarmupSteps usually helps.");
            state = state with { Step = state.Step + 1 };
            metrics.Add(Entry(state.Step, measured));
            progress.Update(state.Step, string.Create(CultureInfo.InvariantCulture, $"loss {measured.Loss:F3}  {measured.TokensPerSecond:N0} tokens/s"));
            var stopping = cancel.IsCancellationRequested;
            if (state.Step % _options.EvaluateEvery == 0 || state.Step == _options.Steps)
                state = Evaluate(evaluator, state);
            if (state.Step % _options.CheckpointEvery == 0 || state.Step == _options.Steps || stopping)
                store.Save(state);
            if (stopping)
                break;
        }
        return state;
    }

    private Checkpoint Evaluate(Evaluator evaluator, Checkpoint state)
    {
        var evaluation = evaluator.Run();
        metrics.Add(Entry(state.Step, evaluation));
        progress.Say(string.Create(CultureInfo.InvariantCulture, $"step {state.Step}: validation loss {evaluation.Loss:F4}"));
        if (evaluation.Loss >= state.BestLoss)
            return state;
        store.SaveBest();
        return state with { BestLoss = evaluation.Loss, BestStep = state.Step };
    }

    private JsonObject Entry(int step, Evaluation evaluation)
    {
        var entry = new JsonObject { ["step"] = step, ["validation_loss"] = evaluation.Loss };
        if (data.Domains.Count > 1)
            entry["validation_loss_by_domain"] = new JsonObject(data.Domains.Zip(evaluation.DomainLosses, (domain, loss) => KeyValuePair.Create(domain.Name, (JsonNode?)loss)));
        entry["expert_load"] = JsonSerializer.SerializeToNode(evaluation.ExpertLoad);
        return entry;
    }

    private static JsonObject Entry(int step, StepMetrics measured)
    {
        var entry = new JsonObject
        {
            ["step"] = step,
            ["loss"] = measured.Loss,
            ["learning_rate"] = measured.LearningRate,
            ["gradient_norm"] = measured.GradientNorm,
            ["tokens_per_second"] = measured.TokensPerSecond,
        };
        if (measured.ActiveExperts is { } activeExperts)
            entry["active_experts"] = activeExperts;
        foreach (var (name, value) in measured.Auxiliary)
            entry[name] = value;
        return entry;
    }
}
