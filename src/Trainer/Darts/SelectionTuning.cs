using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Darts;

/// <summary>
/// Training between decisions: as before it, but with new optimizers and a small constant learning rate. The architecture weights of open edges go on, unless they
/// were frozen; nothing is distilled.
/// </summary>
public sealed class SelectionTuning : IDisposable
{
    private readonly DartsStep _step;
    private readonly int _firstStep;
    private readonly int _stepsPerEpoch;
    private readonly int _epochs;
    private readonly double _learningRate;
    private readonly CancellationToken _cancel;
    private int _steps;

    /// <param name="model">The supernet.</param>
    /// <param name="gates">Its gates.</param>
    /// <param name="halves">The training data as the supernet's training split it.</param>
    /// <param name="options">How much.</param>
    /// <param name="darts">How architecture weights are trained.</param>
    /// <param name="trainer">How the supernet was trained.</param>
    /// <param name="seed">Of the training: batches go on where its ended.</param>
    /// <param name="device">Where the model is; null for the CPU.</param>
    /// <param name="cancel">Stops between two steps.</param>
    public SelectionTuning(CellClassifier model, SoftGates gates, TrainingHalves halves, SelectionOptions options, DartsOptions darts, TrainerOptions trainer, long seed, Device? device,
        CancellationToken cancel)
    {
        _step = new(model, halves, new WeightOptimizer(model.NetworkWeights, trainer), darts.FrozenAlpha ? null : new AlphaOptimizer(model.Alpha, gates, darts), trainer, seed, device);
        (_firstStep, _epochs, _learningRate, _cancel) = (trainer.Steps, options.TuningEpochs, trainer.LearningRate * options.LearningRate, cancel);
        _stepsPerEpoch = (halves.Weights.Count + trainer.BatchSize - 1) / trainer.BatchSize;
    }

    /// <summary>Trains as long as there is to train between two decisions.</summary>
    /// <returns>Epochs so far.</returns>
    public int Run()
    {
        for (var i = 0; i < _epochs * _stepsPerEpoch; i++)
        {
            _cancel.ThrowIfCancellationRequested();
            _step.Run(_firstStep + _steps++, _learningRate);
        }
        return _steps / _stepsPerEpoch;
    }

    public void Dispose() => _step.Dispose();
}
