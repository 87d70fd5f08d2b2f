using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>What a conversion that looks at text works with, before the model is made.</summary>
/// <param name="Models">The trained models, loaded when they are looked at.</param>
/// <param name="Model">Options of the model to be made; sizes that the sources decide are written into them.</param>
/// <param name="Start">The conversion's settings.</param>
/// <param name="Data">The text.</param>
/// <param name="Length">Tokens of a sequence.</param>
/// <param name="Seed">The run's.</param>
public sealed record ConversionInput(Lazy<IReadOnlyList<TrainedModel>> Models, ModelOptions Model, StartOptions Start, TokenDataset Data, int Length, long Seed)
{
    /// <summary>The trained models.</summary>
    public IReadOnlyList<TrainedModel> Sources => Models.Value;
}
