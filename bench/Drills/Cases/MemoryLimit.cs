using System.Text;
using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills.Cases;

/// <summary>Too little memory for what is asked: requests are refused or the server ends and says why; it neither hangs nor answers wrongly.</summary>
internal sealed class MemoryLimit : IDrill
{
    public string Name => "memory-limit";

    public async Task<string> RunAsync(Setting setting)
    {
        List<string> facts = [];
        foreach (var mib in (int[])[32, 64, 256])
            facts.Add($"heap of {mib} MiB: {await Under(setting, mib)}");
        return string.Join("; ", facts);
    }

    private static async Task<string> Under(Setting setting, int mib)
    {
        var (server, questions) = await (setting with { HeapMiB = mib }).StartAsync();
        await using var running = server;
        var body = Encoding.UTF8.GetBytes($$"""{"prompt": "{{new string('a', 10_000_000)}}"}""");
        var statuses = (await Task.WhenAll(Enumerable.Range(0, 16).Select(_ => Task.Run(() => Send(server, body))))).CountBy(status => status).OrderBy(pair => pair.Key).ToArray();
        var seen = string.Join(", ", statuses.Select(pair => $"{pair.Value} x {(pair.Key == 0 ? "no answer" : pair.Key)}"));
        await Task.Delay(500);
        if (server.HasExited)
        {
            var (code, error) = server.Ended();
            DrillFailedException.Unless(code != 0 && error.Contains("memory", StringComparison.OrdinalIgnoreCase), $"With {mib} MiB the server ended with code {code} and did not say why: {error}");
            return $"16 bodies of 10 MB: {seen}; ended with code {code}, \"{error.Split('\n')[0]}\"";
        }
        await server.IdleAsync();
        var after = await questions.AskManyAsync(server, 16, stream: false);
        DrillFailedException.Unless(after[Outcome.Wrong] + after[Outcome.Failed] == 0, $"With {mib} MiB 16 bodies of 10 MB ended with {seen}, and 16 questions after them with {after}.");
        return $"16 bodies of 10 MB: {seen}; 16 questions after them: {after}";
    }

    private static int Send(RunningServer server, byte[] body)
    {
        try
        {
            return RawHttp.Send(server, "/v1/completions", body);
        }
        catch (System.Net.Sockets.SocketException)
        {
            return 0;
        }
    }
}
