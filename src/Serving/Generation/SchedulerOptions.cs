namespace OnnxMoe.Serving.Generation;

/// <summary>Limits of a <see cref="Scheduler"/>.</summary>
/// <param name="Slots">Sequences generated at the same time.</param>
/// <param name="QueueLimit">Sequences that may wait for a slot.</param>
public sealed record SchedulerOptions(int Slots, int QueueLimit)
{
    /// <summary>Most tokens of one step; longer prompts are fed in pieces, between the steps of those that generate.</summary>
    public int BatchTokens { get; init; } = 512;

    /// <summary>Whether sequences that begin alike share what was computed.</summary>
    public bool PrefixReuse { get; init; } = true;

    /// <summary>Experts a token of requests that do not say; null where the model's number is fixed.</summary>
    public int? ActiveExperts { get; init; }

    /// <summary>The same for sequences that start while more wait than there are slots; null makes no difference.</summary>
    public int? BusyActiveExperts { get; init; }

    /// <summary>What a sequence runs with, decided once, when it gets its slot.</summary>
    /// <param name="request">Its own wish comes first.</param>
    /// <param name="waiting">Sequences that wait behind it.</param>
    public int? ActiveExpertsOf(GenerationRequest request, int waiting) =>
        request.ActiveExperts ?? (waiting > Slots ? BusyActiveExperts : null) ?? ActiveExperts;
}
