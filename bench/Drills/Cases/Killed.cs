using System.Diagnostics;
using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills.Cases;

/// <summary>SIGKILL under load, again and again, while routing is recorded: the next server starts at once on the same files and answers rightly.</summary>
internal sealed class Killed : IDrill
{
    private const int Times = 5, Streams = 50;

    public string Name => "sigkill";

    public async Task<string> RunAsync(Setting setting)
    {
        using var copy = setting.Copy();
        var before = Directory.GetFiles(copy.Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal).ToArray();
        var (cut, slowest) = (new Tally(), TimeSpan.Zero);
        for (var i = 0; i <= Times; i++)
        {
            var clock = Stopwatch.StartNew();
            var (server, questions) = await new Setting(setting.Command, copy.Folder).StartAsync("--trace", "on");
            slowest = clock.Elapsed > slowest ? clock.Elapsed : slowest;
            await using (server)
            {
                await questions.RequireAllAsync(server, $"After {i} kills");
                if (i == Times)
                    break;
                var asked = Task.WhenAll(Enumerable.Range(0, Streams).Select(async q => cut.Add(await questions.AskAsync(server, q, stream: true))));
                await Task.WhenAny(asked, Task.Delay(100 + 50 * i));
                server.Signal("KILL");
                await asked;
            }
        }
        DrillFailedException.Unless(cut[Outcome.Wrong] == 0, $"Streams cut by SIGKILL: {cut}.");
        var added = Directory.GetFileSystemEntries(copy.Folder).Select(Path.GetFileName).Except(before).Order(StringComparer.Ordinal).ToArray();
        DrillFailedException.Unless(added.All(name => name == "trace-serve.bin"), $"These files are left: {string.Join(", ", added)}.");
        return $"{Times} kills with {Streams} streams each ({cut}); every restart answered rightly, the slowest after {slowest.TotalSeconds:F1} s, questions included; left: {string.Join(", ", added)}";
    }
}
