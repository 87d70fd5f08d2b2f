namespace OnnxMoe.Serving.Sessions;

/// <summary>A run could not be done for want of a device.</summary>
/// <param name="message">One sentence.</param>
/// <param name="ended">Ends when no device uses the run's inputs any more. Until then they must be kept: what hangs cannot be stopped.</param>
internal abstract class DeviceException(string message, Task ended) : Exception(message)
{
    /// <summary>Ends when no device uses the run's inputs any more.</summary>
    public Task Ended => ended;

    /// <summary>Frees what runs were given, as soon as no device uses it.</summary>
    /// <param name="problems">What became of the runs; null for those that succeeded.</param>
    /// <param name="free">Frees it.</param>
    public static void Afterwards(IEnumerable<Exception?> problems, Action free)
    {
        Task[] open = [.. problems.OfType<DeviceException>().Select(problem => problem.Ended).Where(ended => !ended.IsCompleted)];
        if (open.Length == 0)
            free();
        else
            Task.WhenAll(open).ContinueWith(_ => free(), TaskScheduler.Default);
    }
}
