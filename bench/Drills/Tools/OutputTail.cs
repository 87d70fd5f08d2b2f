namespace OnnxMoe.Drills.Tools;

/// <summary>The last lines that a process wrote, however much it writes.</summary>
internal sealed class OutputTail
{
    private const int Lines = 100;
    private readonly Queue<string> _lines = [];

    public OutputTail(StreamReader output) => Ended = ReadAsync(output);

    /// <summary>Ends with the output.</summary>
    public Task Ended { get; }

    /// <summary>What it wrote last; waits for the end of the output.</summary>
    public string Text
    {
        get
        {
            Ended.Wait();
            return string.Join('\n', _lines).Trim();
        }
    }

    private async Task ReadAsync(StreamReader output)
    {
        while (await output.ReadLineAsync() is { } line)
        {
            if (_lines.Count == Lines)
                _lines.Dequeue();
            _lines.Enqueue(line);
        }
    }
}
