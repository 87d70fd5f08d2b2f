using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills;

/// <summary>One way to treat a server badly.</summary>
internal interface IDrill
{
    /// <summary>Its name on the command line.</summary>
    string Name { get; }

    /// <summary>Does it, and stops all that it started.</summary>
    /// <returns>What happened, in a line.</returns>
    /// <exception cref="DrillFailedException">The server did not stand it.</exception>
    /// <exception cref="DrillSkippedException">It cannot be done on this machine.</exception>
    Task<string> RunAsync(Setting setting);
}
