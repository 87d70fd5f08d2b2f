using System.Net.Sockets;
using System.Text;
using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills.Cases;

/// <summary>
/// The memory limit of a cgroup, as a container has it. The runtime sees it and keeps below it, under normal traffic and large bodies; a server that is told
/// of no limit is ended by the kernel, and the next one answers rightly in the same cgroup.
/// </summary>
internal sealed class ContainerLimit : IDrill
{
    private const int LimitMiB = 256, Normal = 2000, Bodies = 16, NoLimitMiB = 16 << 10;

    public string Name => "container-limit";

    public async Task<string> RunAsync(Setting setting)
    {
        await using var group = MemoryGroup.Create(LimitMiB);
        var limited = setting with { Group = group };
        var kept = await KeepsBelowAsync(limited, group);
        var (statuses, code) = await KilledAsync(limited with { HeapMiB = NoLimitMiB }, group);
        var (next, questions) = await limited.StartAsync();
        await using (next)
        {
            await questions.RequireAllAsync(next, "After the kernel's kill");
            return $"cgroup of {LimitMiB} MiB: {kept}; with the runtime's limit lifted {Bodies} bodies of 10 MB: {statuses}, ended by the kernel with code {code}; the next server answers rightly";
        }
    }

    private static async Task<string> KeepsBelowAsync(Setting limited, MemoryGroup group)
    {
        var (server, questions) = await limited.StartAsync("--queue-limit", $"{Normal}");
        await using (server)
        {
            var normal = await questions.AskManyAsync(server, Normal, stream: true);
            DrillFailedException.Unless(normal[Outcome.Right] == Normal && group.Kills == 0, $"{Normal} streams in a cgroup of {LimitMiB} MiB: {normal}, {group.Kills} kills.");
            var (resident, peak) = (server.ResidentMiB, group.PeakMiB);
            var statuses = await SendAsync(server);
            await Task.Delay(500);
            DrillFailedException.Unless(!server.HasExited && group.Kills == 0, $"{Bodies} bodies of 10 MB in a cgroup of {LimitMiB} MiB: {statuses}; the server ended, though it knows the limit.");
            await server.IdleAsync();
            await questions.RequireAllAsync(server, "After large bodies");
            return $"{Normal} streams: {normal}, {resident:F0} MiB resident, the cgroup's most {peak:F0}; {Bodies} bodies of 10 MB at once: {statuses}, most {group.PeakMiB:F0} MiB, questions after them all right";
        }
    }

    private static async Task<(string Statuses, int Code)> KilledAsync(Setting unaware, MemoryGroup group)
    {
        var (server, _) = await unaware.StartAsync();
        await using (server)
        {
            var statuses = await SendAsync(server);
            for (var i = 0; i < 50 && !server.HasExited; i++)
            {
                await Task.Delay(100);
                if (!server.HasExited)
                    statuses = await SendAsync(server);
            }
            DrillFailedException.Unless(server.HasExited && group.Kills > 0, $"Large bodies without a limit of the heap did not fill a cgroup of {LimitMiB} MiB: {statuses}.");
            return (statuses, server.Ended().Code);
        }
    }

    /// <summary>Sends large bodies at once, and says how they ended.</summary>
    private static async Task<string> SendAsync(RunningServer server)
    {
        var body = Encoding.UTF8.GetBytes($$"""{"prompt": "{{new string('a', 10_000_000)}}"}""");
        var statuses = await Task.WhenAll(Enumerable.Range(0, Bodies).Select(_ => Task.Run(() =>
        {
            try
            {
                return RawHttp.Send(server, "/v1/completions", body);
            }
            catch (SocketException)
            {
                return 0;
            }
        })));
        DrillFailedException.Unless(statuses.All(status => status is 0 or 400 or 413 or 503), $"Bodies of 10 MB got the statuses {string.Join(", ", statuses)}; 400, 413 or 503 is right.");
        return string.Join(", ", statuses.CountBy(status => status).OrderBy(pair => pair.Key).Select(pair => $"{pair.Value} x {(pair.Key == 0 ? "no answer" : pair.Key)}"));
    }
}
