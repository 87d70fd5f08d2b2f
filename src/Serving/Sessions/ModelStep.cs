namespace OnnxMoe.Serving.Sessions;

/// <summary>The next tokens of a batch of equally long sequences.</summary>
/// <param name="Tokens">Token ids [rows, columns], as many columns for each row (1 while decoding).</param>
/// <param name="Cache">What the sequences have seen so far.</param>
public sealed record ModelStep(long[] Tokens, KeyValueCache Cache)
{
    /// <summary>Fetch the weights of the chosen experts too.</summary>
    public bool RoutingWeights { get; init; }

    /// <summary>Experts a token, of a model that takes a number; null takes its default.</summary>
    public int? ActiveExperts { get; init; }

    /// <summary>The expert of each token [rows, columns], of a model that takes them.</summary>
    public long[]? ExpertIds { get; init; }

    /// <summary>Number of the client's request.</summary>
    public long Request { get; init; }
}
