using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Experiments.TinyModels;

/// <summary>
/// Trained models that later phases of an experiment start from. One seed's are kept in memory, so a phase is trained once for all arms behind
/// it; after a restart it is trained again, where its numbers are stored but its weights are not.
/// </summary>
/// <param name="context">Gives text and cancellation.</param>
public sealed class PhaseModels(ExperimentContext context)
{
    private readonly Dictionary<string, DecoderLm> _models = [];
    private long _seed = -1;

    /// <summary>The model that an arm trains with a seed.</summary>
    public DecoderLm Of(TinyArm arm, long seed)
    {
        if (Find(arm.Name, seed) is { } known)
            return known;
        var model = arm.Train(seed, context.Data, null, context.Cancel).Model;
        Keep(arm.Name, seed, model);
        return model;
    }

    /// <summary>Keeps what an arm has just trained.</summary>
    public void Keep(string arm, long seed, DecoderLm model)
    {
        Turn(seed);
        _models[arm] = model;
    }

    private DecoderLm? Find(string arm, long seed)
    {
        Turn(seed);
        return _models.GetValueOrDefault(arm);
    }

    /// <summary>Lets go of another seed's models.</summary>
    private void Turn(long seed)
    {
        if (_seed != seed)
            _models.Clear();
        _seed = seed;
    }
}
