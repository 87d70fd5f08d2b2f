namespace OnnxMoe.Placement.Simulation;

/// <summary>In which order a resource of an <see cref="EventTimeline"/> takes its tasks.</summary>
public enum ResourceOrder
{
    /// <summary>
    /// As they were added: a free unit takes the next task and waits for it, as the thread blocks of a persistent kernel do with a
    /// tile whose input has not arrived.
    /// </summary>
    Given,

    /// <summary>Whichever can start; of several the one that was added first. No unit idles while a task could run.</summary>
    Ready,
}
