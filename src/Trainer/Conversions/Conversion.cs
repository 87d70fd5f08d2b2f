using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>Makes the initial weights of a model from those of trained ones.</summary>
public abstract class Conversion
{
    /// <summary>The word in Start:Convert.</summary>
    public abstract string Name { get; }

    /// <summary>What a router before the model learns from; null where there is none. After <see cref="Prepare"/>.</summary>
    public virtual RoutingTeacher? Teacher => null;

    /// <summary>Comes before the model is made, in a run that goes on from a checkpoint too: settles sizes that depend on the sources.</summary>
    /// <exception cref="UserError">Sources, text and settings do not fit each other.</exception>
    public virtual void Prepare(ConversionInput input)
    {
    }

    /// <summary>Writes files that belong to the trained model beside its weights.</summary>
    public virtual void Save(string folder)
    {
    }

    /// <summary>Sets the weights of <paramref name="target"/>. Weights that the sources say nothing about keep their random values.</summary>
    /// <param name="sources">At least one.</param>
    /// <param name="target">Just made, with random weights.</param>
    /// <param name="options">What <paramref name="target"/> was made from.</param>
    /// <exception cref="UserError">The models do not fit each other.</exception>
    public abstract void Apply(IReadOnlyList<TrainedModel> sources, DecoderLm target, ModelOptions options);

    /// <summary>The only source of a conversion that takes one.</summary>
    protected TrainedModel Single(IReadOnlyList<TrainedModel> sources) => sources.Count == 1 ? sources[0]
        : throw new UserError($"Start:Convert '{Name}' takes one model, but Start:From names {sources.Count}.");
}
