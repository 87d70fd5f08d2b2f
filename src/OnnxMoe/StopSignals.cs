using System.Runtime.InteropServices;

namespace OnnxMoe.Cli;

/// <summary>
/// Turns Ctrl+C and SIGTERM into a cancellation, so that a verb can put its files in order first. A second signal ends the
/// process at once.
/// </summary>
public sealed class StopSignals : IDisposable
{
    readonly CancellationTokenSource _source = new();
    readonly List<PosixSignalRegistration> _registrations = [];

    public StopSignals()
    {
        Register(PosixSignal.SIGINT, 130);
        Register(PosixSignal.SIGTERM, 143);
    }

    public CancellationToken Token => _source.Token;

    /// <summary>The exit code that a shell expects of a process ended by the signal that came: 130 or 143.</summary>
    public int ExitCode { get; private set; } = 130;

    /// <summary>Stops as a first Ctrl+C does.</summary>
    public void Cancel() => _source.Cancel();

    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
        _source.Dispose();
    }

    void Register(PosixSignal signal, int exitCode) =>
        _registrations.Add(PosixSignalRegistration.Create(signal, context =>
        {
            if (_source.IsCancellationRequested)
                return;
            context.Cancel = true;
            ExitCode = exitCode;
            _source.Cancel();
        }));
}
