using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Darts;

/// <summary>The training of a supernet of cells whose edges run all candidates.</summary>
public static class DartsTraining
{
    /// <param name="model">The supernet; its gates become soft.</param>
    /// <param name="train">All training data.</param>
    /// <param name="options">The recipe's section Supernet.</param>
    /// <param name="modelOptions">The recipe's section Model, for the teachers.</param>
    /// <param name="trainer">The recipe's section Trainer.</param>
    /// <param name="seed">The run's.</param>
    /// <param name="device">Where the model is; null for the CPU.</param>
    /// <exception cref="UserError">Settings do not go together.</exception>
    public static DartsStep Of(Classifier model, LabeledSequences train, SupernetOptions options, ModelOptions modelOptions, TrainerOptions trainer, long seed, Device? device)
    {
        if (model is not CellClassifier cells)
            throw new UserError("Supernet:Gates=soft trains one supernet; set Supernet:Copies:Count to 1.");
        if (trainer.Accumulation != 1)
            throw new UserError($"Trainer:Accumulation is {trainer.Accumulation}, but Supernet:Gates=soft makes a step of one batch of each half; set it to 1.");
        var darts = options.Darts;
        var halves = TrainingHalves.Of(train, darts.AlphaShare, seed);
        var gates = new SoftGates(cells.Alpha);
        cells.Gates = gates;
        return new DartsStep(cells, halves, new WeightOptimizer(cells.NetworkWeights, trainer), darts.FrozenAlpha ? null : new AlphaOptimizer(cells.Alpha, gates, darts), trainer, seed, device)
        {
            Distillation = SelfDistillation.Of(cells, modelOptions, darts.Distillation, trainer.Steps, device),
        };
    }
}
