using System.Globalization;
using System.Text.Json;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Experiments.Classifiers;
using OnnxMoe.Experiments.Searches;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments;

/// <summary>What an experiment works with: seeds, text, stored runs, progress.</summary>
/// <param name="options">Seeds, steps and threads.</param>
/// <param name="firstSeed">The seeds count up from it.</param>
/// <param name="data">Where the text is; read as bytes.</param>
/// <param name="store">Finished runs.</param>
/// <param name="log">Takes progress.</param>
/// <param name="terminal">True when the log is a terminal.</param>
/// <param name="cancel">Stops between two steps; finished runs stay.</param>
public sealed class ExperimentContext(
    ReproduceOptions options, long firstSeed, DataOptions data, MeasurementStore store, TextWriter log, bool terminal, CancellationToken cancel)
{
    private readonly Lazy<TokenDataset> _data = new(() => data.Source == Experiment.NoData || LabeledDataset.Has(data.Source) ? new TokenDataset(new ByteTokenizer(), []) : TokenDataset.Open(data, log));
    private readonly Lazy<LabeledDataset> _labeled = new(() => LabeledDataset.Open(data));

    /// <summary>The seeds; every arm runs once with each.</summary>
    public IReadOnlyList<long> Seeds { get; } = [.. Enumerable.Range(0, options.Seeds).Select(i => firstSeed + i)];

    /// <summary>The text, as bytes; none where the experiment's <see cref="Experiment.Source"/> is no text.</summary>
    public TokenDataset Data => _data.Value;

    /// <summary>The data of experiments with classifiers.</summary>
    public LabeledDataset Labeled => _labeled.Value;

    /// <summary>The labelled data as single pixels.</summary>
    /// <param name="side">What images are shrunk to; 0: as they are.</param>
    /// <param name="images">To train on; 0: all.</param>
    public LabeledDataset Images(int side = 0, int images = 0)
    {
        var options = JsonSerializer.Deserialize<DataOptions>(JsonSerializer.Serialize(data))!;
        (options.PatchSide, options.ImageSide, options.Images) = (1, side, images);
        return LabeledDataset.Open(options);
    }

    /// <summary>Takes progress.</summary>
    public TextWriter Log => log;

    /// <summary>Threads of libtorch; 0: as many as there are cores.</summary>
    public int Threads => options.Threads;

    /// <summary>The steps that the user asked for, otherwise the experiment's own.</summary>
    public int StepsOr(int own) => options.Steps > 0 ? options.Steps : own;

    /// <summary>Stops between two steps.</summary>
    public CancellationToken Cancel { get; } = cancel;

    /// <summary>The common small set-up with the experiment's changes, and over them the steps and threads that the user asked for.</summary>
    public TinySetup Tiny(Action<ModelOptions>? model = null, Action<TrainerOptions>? trainer = null)
    {
        var setup = TinySetup.Create(model, trainer);
        setup.Trainer.Threads = options.Threads;
        return options.Steps > 0 ? setup.WithSteps(options.Steps) : setup;
    }

    /// <summary>The small classifier of the experiments with an experiment's changes, and over them the steps and threads that the user asked for.</summary>
    public TinySetup Classifier(Action<ModelOptions>? model = null)
    {
        var setup = ClassifierArm.CreateSetup(model);
        setup.Trainer.Threads = options.Threads;
        return options.Steps > 0 ? setup.WithSteps(options.Steps) : setup;
    }

    /// <summary>What the experiments with cells share, with the steps and threads that the user asked for.</summary>
    public CellSetup Cells() => new(_labeled, options.Threads, options.Steps);

    /// <summary>Runs every arm with every seed, seed by seed; a stored run is taken instead of a new one.</summary>
    public IReadOnlyList<ArmResult> RunAll(params IReadOnlyList<Arm> arms)
    {
        var runs = Seeds.SelectMany(seed => arms.Select(arm => (Arm: arm, Seed: seed, Settings: arm.Fingerprint(seed, data)))).ToArray();
        var stored = runs.Select(run => StoreOf(run.Arm).Load(run.Arm.Name, run.Seed, run.Settings)).ToArray();
        if (stored.Count(run => run is not null) is > 0 and var count)
            log.WriteLine($"{count} of {runs.Length} runs are stored from before (--fresh runs them again).");
        if (stored.Contains(null))
            _ = Data; // read before the clock of the progress bar starts
        var total = runs.Where((_, i) => stored[i] is null).Sum(run => run.Arm.Steps);
        var progress = new ProgressLine(log, total, 0, terminal);
        var done = 0;
        for (var i = 0; i < runs.Length; i++)
        {
            if (stored[i] is not null)
                continue;
            var (arm, seed, settings) = runs[i];
            var result = StoreOf(arm).New(arm.Name, seed, settings);
            arm.Run(seed, Data, result, steps => progress.Update(done + steps, $"{arm.Name}, seed {seed}"), Cancel);
            StoreOf(arm).Save(result);
            stored[i] = result;
            done += arm.Steps;
            var loss = result[TinyArm.ValidationLoss];
            progress.Say(string.Create(CultureInfo.InvariantCulture, $"{arm.Name}, seed {seed}: {(double.IsNaN(loss) ? "" : $"validation loss {loss:F4}, ")}{result[TinyArm.Seconds]:F0} s"));
        }
        return [.. arms.Select((arm, a) => new ArmResult(arm, [.. Seeds.Select((_, s) => stored[s * arms.Count + a]!)]))];
    }

    private MeasurementStore StoreOf(Arm arm) => arm.IsShared ? store.Shared : store;
}
