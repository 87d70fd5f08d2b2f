using System.Diagnostics;
using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.TinyModels;

/// <summary>
/// Trains small language models in memory, on the classes of the stage train. The seed decides the initial weights and the order
/// of the text, so that arms of equal seed meet the same batches.
/// </summary>
/// <param name="data">The text, as bytes.</param>
public sealed class TinyLm(TokenDataset data)
{
    /// <summary>Trains a model and evaluates its last weights on the validation text. A run whose loss is no number stops early.</summary>
    /// <exception cref="UserError">Settings that do not go together.</exception>
    public TinyRun Train(TinySetup setup, long seed, TinyHooks? hooks = null, CancellationToken cancel = default)
    {
        setup.Model.Check();
        var options = setup.Trainer;
        TorchSharp.torch.set_num_threads(options.Threads == 0 ? Environment.ProcessorCount : options.Threads);
        var model = new DecoderLm(setup.Model, data.Tokenizer.VocabularySize, seed);
        var run = new TinyRun(setup, seed, model, data);
        hooks?.Start?.Invoke(run);
        using var step = hooks?.Training?.Invoke(run)
            ?? new LanguageModelStep(model, new WeightOptimizer(model.BackboneWeights, options), data.Training, options, seed, run.Length, device: null);
        var checks = new Queue<(int Step, double At)>((hooks?.CheckAt ?? []).Select(at => ((int)Math.Round(at * options.Steps), at)));
        var clock = new Stopwatch();
        for (var done = 0; done < options.Steps && !run.Diverged; done++)
        {
            cancel.ThrowIfCancellationRequested();
            clock.Start();
            run.Add(step.Run(done));
            clock.Stop(); // checks and evaluations are no training time
            hooks?.Progress?.Invoke(done + 1);
            while (!run.Diverged && checks.TryPeek(out var next) && next.Step <= done + 1)
                hooks!.Check?.Invoke(run, checks.Dequeue().At);
        }
        run.Finish(clock.Elapsed);
        return run;
    }
}
