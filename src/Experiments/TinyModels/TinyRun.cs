using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.TinyModels;

/// <summary>A model that <see cref="TinyLm"/> trains or has trained, what its training measured, and ways to measure more.</summary>
public sealed class TinyRun
{
    private readonly List<StepMetrics> _steps = [];
    private readonly TokenDataset _data;

    internal TinyRun(TinySetup setup, long seed, DecoderLm model, TokenDataset data)
    {
        (Setup, Seed, Model, _data) = (setup, seed, model, data);
        Length = setup.Trainer.SequenceLength == 0 ? setup.Model.ContextLength : setup.Trainer.SequenceLength;
    }

    public TinySetup Setup { get; }

    public long Seed { get; }

    public DecoderLm Model { get; }

    /// <summary>Tokens of a sequence.</summary>
    public int Length { get; }

    /// <summary>Each step made: loss in nats a token, router losses by name, gradient norm.</summary>
    public IReadOnlyList<StepMetrics> Steps => _steps;

    /// <summary>True when the loss of a step was no number; the run ended there, and its measures are NaN.</summary>
    public bool Diverged => _steps.Count > 0 && !double.IsFinite(_steps[^1].Loss);

    /// <summary>Time of the training steps alone.</summary>
    public TimeSpan Time { get; private set; }

    /// <summary>Of the last weights, on the first validation tokens: loss, load of each expert, active experts a token.</summary>
    public Evaluation Validation { get; private set; } = new([double.NaN], []);

    /// <summary>Validation loss, nats a token.</summary>
    public double ValidationLoss => Validation.Loss;

    /// <summary>The same in bits a byte of the text, which is a character but for a few accents.</summary>
    public double BitsPerCharacter => double.IsFinite(ValidationLoss) ? Bits(Validation).Average() : double.NaN;

    /// <summary>Mean number of experts that a validation token activated, over the routed layers; NaN without any.</summary>
    public double ActiveExperts => Validation.ActiveExperts is { Length: > 0 } active ? active.Average() : double.NaN;

    /// <summary>Evaluates the present weights on the first validation tokens, the same for every run.</summary>
    /// <param name="hooks">What to change or to watch.</param>
    /// <param name="tokens">How many; 0: Trainer:EvaluationTokens.</param>
    public Evaluation Evaluate(EvaluationHooks? hooks = null, int tokens = 0) =>
        Evaluator(tokens).Run(hooks: hooks);

    /// <summary>Bits a byte of each domain's validation text.</summary>
    /// <param name="evaluation">Of Trainer:EvaluationTokens.</param>
    public IReadOnlyList<double> Bits(Evaluation evaluation) =>
        [.. evaluation.DomainLosses.Zip(_data.Domains, (loss, domain) => _data.LossOf(loss, domain.Validation.Covered(Length, Evaluator(0).Windows)).BitsPerByte)];

    /// <summary>Validation loss when some inputs are replaced; the targets stay, and so do the positions from run to run.</summary>
    public double CorruptedLoss(InputCorruption corruption) => Evaluate(new EvaluationHooks { Inputs = corruption.Apply }).Loss;

    /// <summary>What the routers decide for the first validation tokens, and the loss of each token.</summary>
    public RoutingSnapshot Snapshot(int tokens)
    {
        var snapshot = new RoutingSnapshot();
        Evaluate(new EvaluationHooks { Observe = snapshot.Add }, tokens);
        return snapshot;
    }

    internal void Add(StepMetrics step) => _steps.Add(step);

    internal void Finish(TimeSpan time)
    {
        Time = time;
        if (!Diverged)
            Validation = Evaluate();
    }

    private Evaluator Evaluator(int tokens) =>
        new(Model, _data.Domains, Setup.Trainer.BatchSize, Length, tokens > 0 ? tokens : Setup.Trainer.EvaluationTokens, device: null);
}
