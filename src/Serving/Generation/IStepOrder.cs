namespace OnnxMoe.Serving.Generation;

/// <summary>Decides which running sequences take their next step, and in which order. The scheduler's one thread calls it.</summary>
internal interface IStepOrder
{
    /// <summary>A sequence has come, and waits for a slot.</summary>
    void Arrived(Sequence sequence);

    /// <summary>A sequence has got its slot; its next step is the prompt.</summary>
    void Started(Sequence sequence);

    /// <summary>True when each of its steps must be taken whole.</summary>
    bool WantsWholeSteps { get; }

    /// <summary>The sequences that step next, one after the other, each once; not empty when any runs.</summary>
    IReadOnlyList<Sequence> Next(IReadOnlyList<Sequence> running);

    /// <summary>A sequence has a new token and goes on; its next step is that token.</summary>
    void Stepped(Sequence sequence);

    /// <summary>A sequence has ended, failed, was given up, or has lost its slot and will arrive again, wherever it was.</summary>
    void Left(Sequence sequence);
}
