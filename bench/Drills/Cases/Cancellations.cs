using System.Text;
using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills.Cases;

/// <summary>Clients that leave in the middle of a stream, before it, or while they wait: their slots are free again, the others' answers are right.</summary>
internal sealed class Cancellations : IDrill
{
    private const int Leavers = 500;

    public string Name => "cancellations";

    public async Task<string> RunAsync(Setting setting)
    {
        var (server, questions) = await setting.StartAsync("--queue-limit", $"{Leavers * 2}");
        await using (server)
        {
            var random = new Random(2);
            var waits = Enumerable.Range(0, Leavers).Select(_ => random.Next(300)).ToArray();
            var leaving = Task.WhenAll(Enumerable.Range(0, Leavers).Select(i => Task.Run(async () =>
            {
                using var socket = server.Connect();
                var body = Questions.Body(i, stream: true);
                await socket.SendAsync(Encoding.ASCII.GetBytes(RawHttp.Head("/v1/completions", body.Length) + body));
                await Task.Delay(waits[i]);
                if (i % 2 == 0)
                    socket.LingerState = new(true, 0); // a reset instead of an orderly end
            })));
            var stayed = await questions.AskManyAsync(server, 200, stream: true);
            await leaving;
            DrillFailedException.Unless(stayed[Outcome.Right] == 200, $"Those that stayed while others left: {stayed}.");
            await server.IdleAsync();
            await questions.RequireAllAsync(server, "After all have left");
            return $"{Leavers} clients left within 0.3 s, half of them by a reset; of 200 that stayed: {stayed}";
        }
    }
}
