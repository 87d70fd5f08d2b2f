namespace OnnxMoe.Trainer.Conversions;

/// <summary>What an <see cref="UpcycleRule"/> makes of the same weight of several models.</summary>
public enum UpcycleKind
{
    /// <summary>A stack of them, an expert from each model; with more experts than models, from the first ones again.</summary>
    Copy,

    /// <summary>Their uniform mean.</summary>
    Mean,

    /// <summary>Nothing: the weight keeps its random values.</summary>
    Random,
}
