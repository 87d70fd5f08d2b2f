using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.TinyModels;

/// <summary>An arm that trains a <see cref="TinyLm"/>.</summary>
/// <param name="name">Short name.</param>
/// <param name="description">What distinguishes it, in words.</param>
/// <param name="setup">Its settings.</param>
/// <param name="measure">Measures more of the trained model than every arm measures; null: nothing.</param>
public sealed class TinyArm(string name, string description, TinySetup setup, Action<TinyRun, Measurement>? measure = null) : Arm(name, description)
{
    /// <summary>What every arm measures: validation loss in nats a token.</summary>
    public const string ValidationLoss = "validation_loss";

    /// <summary>Validation loss in bits a character.</summary>
    public const string Bits = "bits_per_character";

    /// <summary>Mean active experts of a validation token.</summary>
    public const string ActiveExperts = "active_experts";

    /// <summary>Share of the busiest expert's load over the even share, mean over layers.</summary>
    public const string BusiestExpert = "busiest_expert";

    /// <summary>All parameters.</summary>
    public const string Parameters = "parameters";

    /// <summary>Parameters that a token meets.</summary>
    public const string ActiveParameters = "active_parameters";

    /// <summary>Training time, seconds.</summary>
    public const string Seconds = "seconds";

    public TinySetup Setup { get; } = setup;

    /// <summary>Where <see cref="Check"/> is called, as fractions of the steps.</summary>
    public IReadOnlyList<double> CheckAt { get; init; } = [];

    /// <summary>Looks at the model in training, given the fraction of the steps done.</summary>
    public Action<TinyRun, double, Measurement>? Check { get; init; }

    public override int Steps => Setup.Trainer.Steps;

    public override string Fingerprint(long seed, DataOptions data) => new TrainSettings(Name, seed, data, Setup.Model, Setup.Trainer).Fingerprint();

    public override void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var hooks = new TinyHooks { CheckAt = CheckAt, Check = (run, at) => Check?.Invoke(run, at, result), Progress = progress };
        var run = new TinyLm(data).Train(Setup, seed, hooks, cancel);
        var size = ModelCost.Parameters(run.Model);
        result[ValidationLoss] = run.ValidationLoss;
        result[Bits] = run.BitsPerCharacter;
        result[ActiveExperts] = run.ActiveExperts;
        result[BusiestExpert] = run.Validation.ExpertLoad.Select(load => load.Max() * (double)load.Length / Math.Max(1, load.Sum())).DefaultIfEmpty(double.NaN).Average();
        result[Parameters] = size.Total;
        result[ActiveParameters] = size.Active;
        result[Seconds] = run.Time.TotalSeconds;
        result.Series["loss"] = [.. run.Steps.Select(step => step.Loss)];
        if (!run.Diverged)
            measure?.Invoke(run, result);
    }
}
