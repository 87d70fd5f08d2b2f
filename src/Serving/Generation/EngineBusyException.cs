namespace OnnxMoe.Serving.Generation;

/// <summary>The engine takes no further sequences for now.</summary>
/// <param name="message">One sentence for the client.</param>
/// <param name="stopping">True when the server is shutting down, false when its queue is full.</param>
public sealed class EngineBusyException(string message, bool stopping) : Exception(message)
{
    /// <summary>True when the server is shutting down, false when its queue is full.</summary>
    public bool Stopping { get; } = stopping;
}
