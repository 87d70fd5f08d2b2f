namespace OnnxMoe.Serving.Generation;

/// <summary>When a sequence that has ended reached its stages, as timestamps of <see cref="TimeProvider.System"/>.</summary>
/// <param name="Arrived">It was submitted.</param>
/// <param name="Started">It left the queue.</param>
/// <param name="FirstToken">Its first token was chosen.</param>
/// <param name="Ended">Its last token was chosen.</param>
public sealed record SequenceTimes(long Arrived, long Started, long FirstToken, long Ended)
{
    /// <summary>Tokens of its prompt that were in the cache already, from another sequence.</summary>
    public int CachedPromptTokens { get; init; }

    /// <summary>In the queue.</summary>
    public double QueueSeconds => Seconds(Arrived, Started);

    /// <summary>From the arrival to the first token.</summary>
    public double FirstTokenSeconds => Seconds(Arrived, FirstToken);

    /// <summary>From the start to the first token.</summary>
    public double PrefillSeconds => Seconds(Started, FirstToken);

    /// <summary>From the first token to the last.</summary>
    public double DecodeSeconds => Seconds(FirstToken, Ended);

    private static double Seconds(long from, long to) => TimeProvider.System.GetElapsedTime(from, to).TotalSeconds;
}
