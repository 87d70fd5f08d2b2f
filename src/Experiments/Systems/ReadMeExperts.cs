using OnnxMoe.Experiments.Interventions;
using OnnxMoe.Experiments.TinyModels;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Conversions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Experiments.Systems;

/// <summary>The arms of <see cref="ReadMe"/> that have an expert for each domain and a router before the model.</summary>
internal sealed class ReadMeExperts(string name, string description, Func<TinySetup> setup, TinyArm dense, PhaseModels models) : ReadMeArm(name, description, setup, dense, models)
{
    /// <summary>Bits a byte after tuning when each domain has its own expert.</summary>
    public const string OracleBits = "oracle_bits";

    /// <summary>Bits a byte after tuning of an expert drawn for each sequence, in the mean over all draws.</summary>
    public const string UniformBits = "uniform_bits";

    /// <summary>Keeps random units instead of important ones.</summary>
    public bool RandomMasks { get; init; }

    /// <summary>Draws an expert for each sequence instead of asking a router, while tuning and afterwards.</summary>
    public bool RandomExperts { get; init; }

    protected override ExpertMasks Settle(TinySetup settings, DecoderLm parent, TokenDataset data, long seed)
    {
        var importance = Importance(parent, data, settings.Trainer.SequenceLength, seed);
        var (layers, experts, hidden) = (importance.Length, importance[0].Length, importance[0][0].Length);
        var units = ExpertMasks.UnitsAt(0.5, hidden);
        var masks = RandomMasks ? ExpertMasks.Random(layers, experts, hidden, units, (int)seed) : ExpertMasks.Of(importance, units);
        masks.RequireOwnParts();
        ActivationExpertExtractor.Settle(settings.Model, masks, fused: false);
        return masks;
    }

    protected override void Copy(DecoderLm parent, DecoderLm model, ExpertMasks masks) => ActivationExpertExtractor.Copy(parent, model, masks, firstDense: 0, fused: false);

    protected override double StartOf(TinyRun run) => Diagonal(ByExpert(run));

    protected override ITrainingStep Training(TinyRun run, RoutingTeacher teacher, TokenDataset data) => RandomExperts
        ? BackboneOnly(run, data, new ExpertBySequence(run.Setup.Model.Experts, run.Length, run.Seed))
        : ReadMeTraining.Of(run.Model, teacher, data.Training, run.Setup.Trainer, run.Seed, run.Length, device: null);

    protected override void Measure(TinyRun run, TokenDataset data, Measurement result)
    {
        var byExpert = ByExpert(run);
        double[] uniform = [.. Enumerable.Range(0, byExpert.Length).Select(domain => byExpert.Average(expert => expert[domain]))];
        result[OracleBits] = Diagonal(byExpert);
        result[UniformBits] = uniform.Average();
        Write(result, data, RandomExperts ? uniform : run.Bits(run.Validation));
        if (RandomExperts)
            return;
        result[TinyArm.BusiestExpert] = run.Validation.ExpertLoad[0] is var load ? load.Max() * (double)load.Length / load.Sum() : 0;
        ReadMeServing.Measure(run, result);
    }

    private static double Diagonal(double[][] byExpert) => Enumerable.Range(0, byExpert.Length).Average(domain => byExpert[domain][domain]);
}
