using OnnxMoe.Artifacts;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Systems;

/// <summary>The three phases of <see cref="Bam"/> as arms: the seed model, its branches on the domains, and the mixtures made of them.</summary>
internal sealed class BamArms
{
    /// <summary>Share of a branch's own domain in its text.</summary>
    private const double OwnShare = 0.93;

    private readonly ExperimentContext _context;
    private readonly PhaseModels _models;

    public BamArms(ExperimentContext context)
    {
        (_context, _models) = (context, new PhaseModels(context));
        Domains = [.. context.Data.Domains.Select(domain => domain.Name)];
        if (Domains.Count < 2)
            throw new UserError("This experiment trains a branch on each of several texts, but Data:Source names only one; give two or more, as in Data:Source=foldoc,manpages,code.");
        Seed = new TinyArm("seed", "the dense model that all others start from, on all domains", Setup(Dense, 800, 3e-3), Measure("seed"));
        Continued = Further("seed continued", "the seed model for as many further steps as the mixtures, on all domains", 2, Setup(Dense, 400, 1.5e-3), [Seed], new CopyWeights());
        Branches = [.. Domains.Select((domain, i) => Further($"branch {domain}", $"the seed model trained on {OwnShare:P0} {domain}", 1, Setup(Dense, 400, 1.5e-3), [Seed], new CopyWeights(),
            [.. Domains.Select((_, d) => d == i ? OwnShare : (1 - OwnShare) / (Domains.Count - 1))]))];
    }

    public IReadOnlyList<string> Domains { get; }

    public TinyArm Seed { get; }

    public TinyArm Continued { get; }

    /// <summary>In the order of <see cref="Domains"/>.</summary>
    public IReadOnlyList<TinyArm> Branches { get; }

    /// <summary>The measure of a domain's validation text: bits a byte.</summary>
    public static string Bits(string domain) => $"bits_{domain}";

    /// <summary>A mixture of the seed model and all branches.</summary>
    public TinyArm Mixture(string name, string description, BranchTrainMix conversion, Action<ModelOptions>? change = null)
    {
        var experts = Domains.Count + 1;
        return Further(name, description, 2, Setup(model =>
        {
            (model.Experts, model.ExpertsPerToken) = (experts, 1);
            change?.Invoke(model);
        }, 400, 1.5e-3), [Seed, .. Branches], conversion);
    }

    private TinyArm Further(string name, string description, int phase, TinySetup setup, IReadOnlyList<TinyArm> from, Conversion conversion, IReadOnlyList<double>? shares = null) =>
        new(name, description, setup, Measure(name))
        {
            Phase = phase,
            Shares = shares ?? [],
            StartsFrom = string.Join(' ', from.Select(arm => arm.Fingerprint(0, new())).Append(conversion.Name)),
            Start = (model, seed) => conversion.Apply([.. from.Select(arm => Named(arm.Name, _models.Of(arm, seed)))], model, setup.Model),
        };

    private Action<TinyRun, Measurement> Measure(string arm) => (run, result) =>
    {
        _models.Keep(arm, result.Seed, run.Model);
        foreach (var (domain, bits) in Domains.Zip(run.Bits(run.Validation)))
            result[Bits(domain)] = bits;
    };

    private TinySetup Setup(Action<ModelOptions> model, int steps, double learningRate) => _context.Tiny(
        options =>
        {
            (options.Layers, options.Block, options.DenseHidden, options.ExpertHidden) = (2, "parallel", 128, 128);
            (options.Router.WeightRule, options.Router.InitialDeviation, options.Router.ZLoss) = ("softmax", 0.02, 1e-3);
            model(options);
        },
        trainer => (trainer.Steps, trainer.LearningRate, trainer.EvaluationTokens) = (steps, learningRate, 98304));

    private static void Dense(ModelOptions options) => options.FirstDenseLayers = options.Layers;

    private static TrainedModel Named(string name, DecoderLm model) =>
        new(model, new ModelManifest(ModelManifest.CurrentFormat, name, ModelManifest.CausalLanguageModel, DateTimeOffset.UnixEpoch, ModelCost.Parameters(model)));
}
