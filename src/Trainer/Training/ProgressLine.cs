using System.Diagnostics;
using System.Globalization;

namespace OnnxMoe.Trainer.Training;

/// <summary>
/// Shows how far a long run is: a bar that is redrawn in place on a terminal, and a line every few seconds where the output is a
/// file or a pipe.
/// </summary>
public sealed class ProgressLine(TextWriter output, int total, int done, bool terminal)
{
    private const int BarWidth = 24;
    private static readonly TimeSpan TerminalPause = TimeSpan.FromSeconds(0.2);
    private static readonly TimeSpan FilePause = TimeSpan.FromSeconds(10);
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private TimeSpan _next = TimeSpan.Zero;
    private int _drawn;

    /// <summary>Shows <paramref name="now"/> of the total and a text, unless it was updated a moment ago.</summary>
    public void Update(int now, string text)
    {
        if (_clock.Elapsed < _next && now < total)
            return;
        _next = _clock.Elapsed + (terminal ? TerminalPause : FilePause);
        var filled = (int)((long)BarWidth * now / total);
        var left = now > done ? _clock.Elapsed / (now - done) * (total - now) : TimeSpan.Zero;
        var line = string.Create(CultureInfo.InvariantCulture,
            $"[{new string('#', filled)}{new string('.', BarWidth - filled)}] {now}/{total}  {text}  {(int)left.TotalMinutes}:{left.Seconds:00} left");
        if (!terminal)
        {
            output.WriteLine(line);
            return;
        }
        output.Write("\r" + line.PadRight(_drawn));
        _drawn = line.Length;
        output.Flush();
    }

    /// <summary>Prints a line of its own; the bar goes on below it.</summary>
    public void Say(string line)
    {
        if (terminal && _drawn > 0)
            output.Write("\r" + new string(' ', _drawn) + "\r");
        _drawn = 0;
        output.WriteLine(line);
    }
}
