namespace OnnxMoe.Serving.Generation;

/// <summary>Generates text for many requests at once. HTTP knows only this; how steps are scheduled is the engine's.</summary>
public interface IGenerationEngine
{
    /// <summary>
    /// Starts the given sequences together and returns their output as it comes. Cancelling, or leaving the loop, frees their slots.
    /// </summary>
    /// <exception cref="Artifacts.UserError">More sequences than the engine could ever hold at a time.</exception>
    /// <exception cref="EngineBusyException">There is no room in the queue, or the engine is stopping.</exception>
    IAsyncEnumerable<GenerationEvent> Generate(IReadOnlyList<GenerationRequest> requests, CancellationToken cancellation);

    /// <summary>Sequences in slots.</summary>
    int Running { get; }

    /// <summary>Sequences that wait for a slot.</summary>
    int Waiting { get; }

    /// <summary>One sentence on why it cannot generate now; null while it can.</summary>
    string? Problem => null;
}
