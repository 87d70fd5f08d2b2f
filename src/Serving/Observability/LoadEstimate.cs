namespace OnnxMoe.Serving.Observability;

/// <summary>When a client that was refused should come again: when those that wait now will have been served, at the pace of the last sequences.</summary>
/// <param name="time">The clock.</param>
public sealed class LoadEstimate(TimeProvider time)
{
    /// <summary>Sequences that the pace is the mean of.</summary>
    private const int Remembered = 32;

    /// <summary>A longer wait is not asked of anyone: the load changes.</summary>
    private const int LongestSeconds = 60;

    private readonly Queue<long> _ended = []; // timestamps of the last ends, oldest first; guards itself

    /// <summary>Notes that a sequence has ended, so that another one gets its slot.</summary>
    public void Ended()
    {
        lock (_ended)
        {
            if (_ended.Count == Remembered)
                _ended.Dequeue();
            _ended.Enqueue(time.GetTimestamp());
        }
    }

    /// <summary>Seconds until <paramref name="waiting"/> sequences will have been served, from 1 to 60; 1 while the pace is not known.</summary>
    public int SecondsFor(int waiting)
    {
        lock (_ended)
        {
            // The time since the first of them counts too: an engine that has not finished anything for long is slow.
            return _ended.TryPeek(out var first) ? WholeSeconds(waiting * time.GetElapsedTime(first).TotalSeconds / _ended.Count) : 1;
        }
    }

    /// <summary>The form of a Retry-After header: whole seconds, at least one.</summary>
    public static int WholeSeconds(double seconds) => (int)Math.Clamp(Math.Ceiling(seconds), 1, LongestSeconds);
}
