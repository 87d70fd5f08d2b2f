using OnnxMoe.Experiments.Interventions;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Systems;

/// <summary>An arm of <see cref="ReadMe"/> that starts from the dense model of its seed and is tuned, all arms on the same batches.</summary>
/// <param name="name">Short name.</param>
/// <param name="description">What distinguishes it, in words.</param>
/// <param name="setup">Makes its settings anew: the masks of a seed are written into them.</param>
/// <param name="dense">The arm that trains the dense model.</param>
/// <param name="models">Keeps the dense model.</param>
internal abstract class ReadMeArm(string name, string description, Func<TinySetup> setup, TinyArm dense, PhaseModels models) : Arm(name, description)
{
    /// <summary>Bits a byte before tuning; of experts, with that of each domain on its text.</summary>
    public const string StartBits = TinyArm.StartBits;

    private const long TuningSeeds = 1_000_000; // other batches than the dense model's

    public override int Steps => setup().Trainer.Steps;

    /// <summary>The measure of a domain's validation text: bits a byte.</summary>
    public static string Bits(string domain) => $"bits_{domain}";

    public override string Fingerprint(long seed, DataOptions data)
    {
        var settings = setup();
        return $"{new TrainSettings(Name, seed, data, settings.Model, settings.Trainer).Fingerprint()} {dense.Fingerprint(seed, data)}";
    }

    public override void Run(long seed, TokenDataset data, Measurement result, Action<int> progress, CancellationToken cancel)
    {
        var (settings, parent) = (setup(), models.Of(dense, seed));
        var masks = Settle(settings, parent, data, seed);
        var run = new TinyLm(data).Train(settings, seed + TuningSeeds, new TinyHooks
        {
            Start = started =>
            {
                Copy(parent, started.Model, masks);
                result[StartBits] = StartOf(started);
            },
            Training = started => Training(started, new RoutingTeacher(parent, masks, 0), data),
            Progress = progress,
        }, cancel);
        result[TinyArm.ValidationLoss] = run.ValidationLoss;
        result[TinyArm.Seconds] = run.Time.TotalSeconds;
        var size = ModelCost.Parameters(run.Model);
        (result[TinyArm.Parameters], result[TinyArm.ActiveParameters]) = (size.Total, size.Active);
        if (!run.Diverged)
            Measure(run, data, result);
    }

    /// <summary>Makes the masks and writes the sizes that they ask for into the settings.</summary>
    protected abstract ExpertMasks Settle(TinySetup settings, DecoderLm parent, TokenDataset data, long seed);

    protected abstract void Copy(DecoderLm parent, DecoderLm model, ExpertMasks masks);

    protected abstract double StartOf(TinyRun run);

    protected abstract ITrainingStep Training(TinyRun run, RoutingTeacher teacher, TokenDataset data);

    protected abstract void Measure(TinyRun run, TokenDataset data, Measurement result);

    /// <summary>Writes bits a byte: the mean over the domains, and each.</summary>
    protected static void Write(Measurement result, TokenDataset data, IReadOnlyList<double> bits)
    {
        result[TinyArm.Bits] = bits.Average();
        foreach (var (domain, value) in data.Domains.Zip(bits))
            result[Bits(domain.Name)] = value;
    }

    /// <summary>Bits a byte [expert][domain] when all tokens meet one expert.</summary>
    protected static double[][] ByExpert(TinyRun run) => [.. Enumerable.Range(0, run.Setup.Model.Experts)
        .Select(expert => run.Bits(run.Evaluate(new EvaluationHooks { Intervention = new GivenExpert(expert) })).ToArray())];

    /// <summary>The importance of the hidden units [layer][domain][unit], of 16 samples each.</summary>
    protected static float[][][] Importance(DecoderLm parent, TokenDataset data, int length, long seed) =>
        ActivationImportance.Collect(parent, data.Domains, samples: 16, length, seed);

    /// <summary>The turns of Read-ME with the router's left out: the model alone is tuned, at the steps where it would be.</summary>
    protected static ITrainingStep BackboneOnly(TinyRun run, TokenDataset data, Trainer.Layers.Intervention? intervention)
    {
        var options = run.Setup.Trainer;
        var optimizer = new WeightOptimizer(run.Model.BackboneWeights, options);
        var step = new LanguageModelStep(run.Model, optimizer, data.Training, options, run.Seed, run.Length, device: null) { Intervention = intervention };
        var idle = new StepMetrics(0, new Dictionary<string, double>(), 0, 0, 0);
        return new AlternatingTrainer([new TrainingPhase(options.Alternation.RouterSteps, 0, null, (_, _) => idle), new TrainingPhase(options.Alternation.BackboneSteps, options.LearningRate, optimizer, step.Run)],
            options.Alternation.RoundDecay, options.FinalLearningRate);
    }
}
