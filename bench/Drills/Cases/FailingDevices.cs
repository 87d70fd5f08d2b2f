using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills.Cases;

/// <summary>
/// Devices that fail, hang and are restarted every few seconds under the load of several clients: every answer is right, and /health tells which devices are gone.
/// Both with pages and with caches in one piece, which are freed at other times.
/// </summary>
internal sealed class FailingDevices : IDrill
{
    private const int Devices = 4, Clients = 8;
    private static readonly TimeSpan Length = TimeSpan.FromMinutes(1), Patience = TimeSpan.FromMinutes(1);

    public string Name => "devices";

    public async Task<string> RunAsync(Setting setting) =>
        $"{Devices} devices, {Clients} clients, {Length.TotalSeconds:F0} s each; pages: {await RunAsync(setting, "on")}; caches in one piece: {await RunAsync(setting, "off")}";

    private static async Task<string> RunAsync(Setting setting, string pages)
    {
        var (server, questions) = await setting.StartAsync("--devices", $"{Devices}", $"--Serve:Pages={pages}", "--Serve:FaultInjection=on", "--Serve:DeviceTimeout=5");
        await using (server)
        {
            await questions.RequireAllAsync(server, "Before any failure");
            var (tally, clock, threads) = (new Tally(), Stopwatch.StartNew(), server.Threads);
            var clients = Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
            {
                for (var i = client; clock.Elapsed < Length; i += Clients)
                    tally.Add(await questions.AskAsync(server, i, stream: i % 3 > 0));
            })));
            var (random, faults) = (new Random(4), new Dictionary<string, int> { ["fail"] = 0, ["hang"] = 0 });
            while (clock.Elapsed < Length)
            {
                // One device, or two of which the second meets the failure of the first.
                var lost = Enumerable.Range(0, Devices).ToArray();
                random.Shuffle(lost);
                foreach (var device in lost[..random.Next(1, 3)])
                {
                    var fault = random.Next(3) == 0 ? "hang" : "fail";
                    await PostAsync(server, $"/admin/devices/{device}/{fault}?after={random.Next(200)}");
                    faults[fault]++;
                    await UntilAsync(server, "degraded", [device]);
                }
                await Task.Delay(random.Next(1000));
                await RestartAsync(server);
                await Task.Delay(random.Next(1000));
            }
            await clients;
            await RestartAsync(server);
            DrillFailedException.Unless(tally[Outcome.Right] > 0 && tally.OnlyRight, $"{Clients} clients while devices failed ({faults["fail"]}) and hung ({faults["hang"]}): {tally}.");
            await server.IdleAsync();
            await questions.RequireAllAsync(server, "After the last restart");
            var failures = await server.MetricAsync("onnxmoe_device_failures_total");
            DrillFailedException.Unless(failures >= faults.Values.Sum(), $"{faults.Values.Sum()} devices were made to fail, but /metrics says {failures}.");
            DrillFailedException.Unless(server.Threads <= threads + 2 * Devices, $"{server.Threads} threads after all restarts, {threads} before the first failure.");
            return $"{faults["fail"]} failed and {faults["hang"]} hung, each was restarted; answers: {tally}; /health told each; threads {threads} before, {server.Threads} after";
        }
    }

    /// <summary>Restarts all that have failed, until none is left.</summary>
    private static async Task RestartAsync(RunningServer server)
    {
        var clock = Stopwatch.StartNew();
        for (var failed = await FailedAsync(server); failed.Length > 0; failed = await FailedAsync(server))
        {
            DrillFailedException.Unless(clock.Elapsed < Patience, $"After a minute of restarts the devices {string.Join(", ", failed)} have still failed.");
            foreach (var device in failed)
                await PostAsync(server, $"/admin/devices/{device}/restart");
        }
        await UntilAsync(server, "ok", []);
    }

    /// <summary>Waits until /health says so and names at least these devices.</summary>
    private static async Task UntilAsync(RunningServer server, string status, int[] devices)
    {
        for (var clock = Stopwatch.StartNew(); ; await Task.Delay(20))
        {
            var (found, failed) = await HealthAsync(server);
            if (found == status && devices.All(failed.Contains))
                return;
            DrillFailedException.Unless(clock.Elapsed < Patience, $"/health says '{found}' with the failed devices [{string.Join(", ", failed)}]; '{status}' with [{string.Join(", ", devices)}] is right.");
        }
    }

    private static async Task<int[]> FailedAsync(RunningServer server) => (await HealthAsync(server)).Failed;

    private static async Task<(string Status, int[] Failed)> HealthAsync(RunningServer server)
    {
        using var response = await server.Client.GetAsync("/health");
        var body = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
        DrillFailedException.Unless(response.StatusCode == HttpStatusCode.OK, $"/health answered {(int)response.StatusCode} while devices are left: {body.ToJsonString()}");
        return ((string)body["status"]!, [.. (body["devices_failed"]?.AsArray() ?? []).Select(device => (int)device!["number"]!)]);
    }

    private static async Task PostAsync(RunningServer server, string path)
    {
        using var response = await server.Client.PostAsync(path, null);
        DrillFailedException.Unless(response.IsSuccessStatusCode, $"{path} answered {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync()}");
    }
}
