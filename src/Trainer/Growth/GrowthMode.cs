namespace OnnxMoe.Trainer.Growth;

/// <summary>What passes of a growing network run.</summary>
public enum GrowthMode
{
    /// <summary>The first narrow network.</summary>
    First,

    /// <summary>The second narrow network.</summary>
    Second,

    /// <summary>The whole, of which the two are the diagonal blocks.</summary>
    Whole,
}
