using System.Text;

namespace OnnxMoe.Serving.Generation;

/// <summary>
/// Passes text on until one of the stop texts appears. Text that may be the beginning of a stop text is held back until the
/// next piece decides, so a stop text is found across pieces and never shown in part.
/// </summary>
public sealed class StopMatcher(IReadOnlyList<string> stops)
{
    private readonly StringBuilder _held = new();

    /// <summary>True once a stop text was found; later text is dropped.</summary>
    public bool Stopped { get; private set; }

    /// <summary>Adds a piece and returns the text that is now certain to be shown.</summary>
    public string Push(string text)
    {
        if (Stopped)
            return "";
        if (stops.Count == 0)
            return text;
        var all = _held.Append(text).ToString();
        _held.Clear();
        var found = stops.Select(stop => all.IndexOf(stop, StringComparison.Ordinal)).Where(at => at >= 0).DefaultIfEmpty(-1).Min();
        if (found >= 0)
        {
            Stopped = true;
            return all[..found];
        }
        var safe = all.Length - stops.Max(stop => OverlapAtEnd(all, stop));
        _held.Append(all, safe, all.Length - safe);
        return all[..safe];
    }

    /// <summary>The held text, at the end of the output.</summary>
    public string Flush()
    {
        var rest = _held.ToString();
        _held.Clear();
        return rest;
    }

    /// <summary>Length of the longest proper beginning of <paramref name="stop"/> that <paramref name="text"/> ends with.</summary>
    private static int OverlapAtEnd(string text, string stop)
    {
        for (var length = Math.Min(text.Length, stop.Length - 1); length > 0; length--)
            if (text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length)))
                return length;
        return 0;
    }
}
