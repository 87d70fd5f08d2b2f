using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills.Cases;

/// <summary>SIGTERM under load: what was accepted is answered whole and right, the rest is refused, and the process ends with 0.</summary>
internal sealed class Terminated : IDrill
{
    private const int Streams = 100;

    public string Name => "sigterm";

    public async Task<string> RunAsync(Setting setting)
    {
        var (server, questions) = await setting.StartAsync("--Serve:DrainSeconds=120");
        await using (server)
        {
            var tally = new Tally();
            var asked = Task.WhenAll(Enumerable.Range(0, Streams).Select(async i => tally.Add(await questions.AskAsync(server, i, stream: true))));
            await Task.WhenAny(asked, Task.Delay(150));
            server.Signal("TERM");
            var ended = await Task.Run(server.Ended);
            await asked;
            DrillFailedException.Unless(ended.Code == 0, $"The server ended with code {ended.Code}: {ended.Error}");
            DrillFailedException.Unless(tally[Outcome.Wrong] + tally[Outcome.Failed] == 0 && tally[Outcome.Right] > 0, $"{Streams} streams under SIGTERM: {tally}.");
            return $"{Streams} streams: {tally}; exit code 0";
        }
    }
}
