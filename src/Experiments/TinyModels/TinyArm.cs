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

    /// <summary>Bits a character of the initial weights, of an arm with a <see cref="Start"/>; mean over domains.</summary>
    public const string StartBits = "start_bits";

    /// <summary>Training time, seconds.</summary>
    public const string Seconds = "seconds";

    /// <summary>Far apart, so that the phases of one seed are no other seed's.</summary>
    private const long PhaseSeeds = 1_000_000;

    public TinySetup Setup { get; } = setup;

    /// <summary>Where <see cref="Check"/> is called, as fractions of the steps.</summary>
    public IReadOnlyList<double> CheckAt { get; init; } = [];

    /// <summary>Looks at the model in training, given the fraction of the steps done.</summary>
    public Action<TinyRun, double, Measurement>? Check { get; init; }

    /// <summary>Sets the initial weights, given the seed; null leaves them random.</summary>
    public Action<DecoderLm, long>? Start { get; init; }

    /// <summary>What <see cref="Start"/> depends on besides the seed and the text: part of the fingerprint.</summary>
    public string StartsFrom { get; init; } = "";

    /// <summary>How often each domain is drawn in training, relative to the others; none: as the text says.</summary>
    public IReadOnlyList<double> Shares { get; init; } = [];

    /// <summary>Number of the training phase of a system that has several. Phases of the same seed meet different batches.</summary>
    public int Phase { get; init; }

    public override int Steps => Setup.Trainer.Steps;

    public override string Fingerprint(long seed, DataOptions data)
    {
        var settings = new TrainSettings(Name, seed, data, Setup.Model, Setup.Trainer).Fingerprint();
        return Start is null && Shares.Count == 0 && Phase == 0 ? settings : $"{settings} {StartsFrom} {string.Join(',', Shares)} {Phase}";
    }

    /// <summary>Trains the model of a seed.</summary>
    public TinyRun Train(long seed, TokenDataset data, TinyHooks? hooks, CancellationToken cancel)
    {
        hooks ??= new TinyHooks();
        hooks = hooks with { Start = (Action<TinyRun>)(run => Start?.Invoke(run.Model, seed)) + hooks.Start };
        return new TinyLm(Mixed(data)).Train(Setup, seed + Phase * PhaseSeeds, hooks, cancel);
    }

    public override void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var run = Train(seed, data, new TinyHooks
        {
            CheckAt = CheckAt,
            Check = (run, at) => Check?.Invoke(run, at, result),
            Start = Start is null ? null : run => result[StartBits] = run.Bits(run.Evaluate()).Average(),
            Progress = progress,
        }, cancel);
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

    private TokenDataset Mixed(TokenDataset data) => Shares.Count == 0 ? data
        : new TokenDataset(data.Tokenizer, [.. data.Domains.Zip(Shares, (domain, share) => domain with { Share = share / Shares.Sum() })]);
}
