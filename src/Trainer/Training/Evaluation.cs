namespace OnnxMoe.Trainer.Training;

/// <summary>What an evaluation measured.</summary>
/// <param name="Loss">Mean cross-entropy, nats a token.</param>
/// <param name="ExpertLoad">Per routed layer, in order: how many picks each expert got.</param>
public sealed record Evaluation(double Loss, long[][] ExpertLoad)
{
    /// <summary>Tokens that were predicted.</summary>
    public long Tokens { get; init; }

    /// <summary>Mean number of experts that a token activated, per routed layer.</summary>
    public double[] ActiveExperts => [.. ExpertLoad.Select(load => load.Sum() / (double)Tokens)];
}
