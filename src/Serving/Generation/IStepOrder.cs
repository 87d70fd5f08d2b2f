namespace OnnxMoe.Serving.Generation;

/// <summary>Decides which running sequences take their next step, and in which order. The scheduler's one thread calls it.</summary>
internal interface IStepOrder
{
    /// <summary>A sequence has come, and waits for a slot.</summary>
    void Arrived(Sequence sequence);

    /// <summary>A sequence has got its slot; its next step is the prompt.</summary>
    void Started(Sequence sequence);

    /// <summary>The sequences that step next, one after the other, each once; not empty when any runs.</summary>
    IReadOnlyList<Sequence> Next(IReadOnlyList<Sequence> running);

    /// <summary>A sequence has made a step and goes on; its next step is the token chosen.</summary>
    void Stepped(Sequence sequence);

    /// <summary>A sequence has ended, failed, or was given up, wherever it was.</summary>
    void Left(Sequence sequence);
}
