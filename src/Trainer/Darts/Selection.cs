using OnnxMoe.Artifacts;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Darts;

/// <summary>The decisions about a supernet, and the architecture that they leave. Its weights are tuned on the way.</summary>
/// <param name="Shares">Architecture weights after the softmax, by edge, before the first decision.</param>
/// <param name="Decisions">In order.</param>
/// <param name="Inputs">Of nodes that had too many inputs.</param>
/// <param name="Architecture">What is left.</param>
public sealed record Selection(IReadOnlyList<IReadOnlyList<double>> Shares, IReadOnlyList<Decision> Decisions, IReadOnlyList<InputDecision> Inputs, Architecture Architecture)
{
    /// <param name="model">A softly trained supernet; its gates are set, and all decided at the end.</param>
    /// <param name="halves">The training data as its training split it.</param>
    /// <param name="method">magnitude or perturbation.</param>
    /// <param name="options">Criterion, tuning, topology.</param>
    /// <param name="darts">How architecture weights were trained.</param>
    /// <param name="trainer">How the network's weights were trained.</param>
    /// <param name="seed">Of the training and of the order of decisions.</param>
    /// <param name="device">Where the model is; null for the CPU.</param>
    /// <param name="decided">Told of each decision.</param>
    /// <param name="cancel">Stops between the steps of tuning.</param>
    /// <exception cref="UserError">Settings do not go together.</exception>
    public static Selection Run(CellClassifier model, TrainingHalves halves, string method, SelectionOptions options, DartsOptions darts, TrainerOptions trainer, long seed, Device? device,
        Action<Decision>? decided, CancellationToken cancel)
    {
        if (method == SelectionOptions.Magnitude && darts.FrozenAlpha)
            throw new UserError("Search:Method=magnitude compares architecture weights, but Supernet:Darts:FrozenAlpha left them as they started; use perturbation.");
        var criterion = DeletionCriterion.Of(options.Criterion, model, halves.Choice, trainer.BatchSize, device);
        var topology = options.TopologyInputs == 0 ? null : new InputSelector(criterion, options.TopologyInputs, model.Candidates[0], model.Nodes);
        topology?.Check();
        OpSelector selector = method == SelectionOptions.Magnitude ? new MagnitudeSelector() : new PerturbationSelector(criterion);
        var gates = new SoftGates(model.Alpha);
        model.Gates = gates;
        using var tuning = new SelectionTuning(model, gates, halves, options, darts, trainer, seed, device, cancel);
        var shares = MagnitudeSelector.Shares(gates);
        var decisions = selector.Decide(gates, seed, tuning.Run, decided);
        var inputs = topology?.Decide(gates, seed, tuning.Run) ?? [];
        return new(shares, decisions, inputs, model.Space.Of([.. gates.Decided.Select(op => op!.Value)]));
    }
}
