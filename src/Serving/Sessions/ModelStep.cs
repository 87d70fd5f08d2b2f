namespace OnnxMoe.Serving.Sessions;

/// <summary>The next tokens of a sequence, or of a batch of equally long ones.</summary>
/// <param name="Tokens">Token ids [rows, columns], as many columns for each row (1 while decoding).</param>
/// <param name="Cache">What the sequences have seen so far.</param>
public sealed record ModelStep(long[] Tokens, SequenceCache Cache)
{
    /// <summary>Fetch the weights of the chosen experts too.</summary>
    public bool RoutingWeights { get; init; }

    /// <summary>Experts a token, of a model that takes a number; null takes its default.</summary>
    public int? ActiveExperts { get; init; }

    /// <summary>The expert of each token [rows, columns], of a model that takes them.</summary>
    public long[]? ExpertIds { get; init; }

    /// <summary>Number of the client's request.</summary>
    public long Request { get; init; }

    /// <summary>How many of the first columns were computed before, and are computed again because the cache was lost.</summary>
    public int Repeated { get; init; }

    /// <summary>Only the last column's scores are needed, so that a model may leave the others out.</summary>
    public bool LastLogitsOnly { get; init; }
}
