using System.Text;
using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills.Cases;

/// <summary>Bodies of 10 MB, right and wrong ones, eight at a time, and one above the limit.</summary>
internal sealed class LargeBodies : IDrill
{
    private const int Size = 10_000_000, Rounds = 10, AtOnce = 8, HeapMiB = 768;

    public string Name => "large-bodies";

    public async Task<string> RunAsync(Setting setting)
    {
        // All bodies together are several times the heap, so that what is kept of each would show.
        var (server, questions) = await (setting with { HeapMiB = HeapMiB }).StartAsync();
        await using var running = server;
        byte[][] bodies =
        [
            Encoding.UTF8.GetBytes($$"""{"prompt": "{{new string('a', Size)}}"}"""),
            Encoding.UTF8.GetBytes($$"""{"prompt": [{{string.Concat(Enumerable.Repeat("97,", Size / 3))}}97]}"""),
            Encoding.UTF8.GetBytes(new string('[', Size)),
            new byte[Size],
        ];
        List<double> memory = [server.ResidentMiB];
        for (var round = 0; round < Rounds; round++)
        {
            var statuses = await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(i => Task.Run(() => RawHttp.Send(server, "/v1/completions", bodies[i % bodies.Length]))));
            DrillFailedException.Unless(statuses.All(status => status is 400 or 413), $"Bodies of 10 MB got the statuses {string.Join(", ", statuses)}; 400 or 413 is right.");
            memory.Add(server.ResidentMiB);
        }
        var limit = RawHttp.Send(server, "/v1/completions", new byte[70 << 20]);
        DrillFailedException.Unless(limit == 413, $"A body of 70 MiB got status {limit}; 413 is right.");
        await questions.RequireAllAsync(server, "After large bodies");
        return $"heap of {HeapMiB} MiB; {Rounds * AtOnce} bodies of 10 MB, {AtOnce} at once: all 400 or 413; 70 MiB: 413; memory {memory[0]:F0} MiB before, {memory[1]:F0} after {AtOnce}, {memory[^1]:F0} after all";
    }
}
