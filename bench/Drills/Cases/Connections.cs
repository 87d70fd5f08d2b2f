using OnnxMoe.Drills.Tools;

namespace OnnxMoe.Drills.Cases;

/// <summary>A thousand streams at the same time: all are right when the queue takes them, and too many are told to come back.</summary>
internal sealed class Connections : IDrill
{
    private const int Streams = 1000;

    public string Name => "connections";

    public async Task<string> RunAsync(Setting setting)
    {
        var (large, questions) = await setting.StartAsync("--queue-limit", $"{Streams}");
        Tally all;
        double memory;
        await using (large)
        {
            all = await questions.AskManyAsync(large, Streams, stream: true);
            memory = large.ResidentMiB;
            await large.IdleAsync();
        }
        DrillFailedException.Unless(all[Outcome.Right] == Streams, $"{Streams} streams with room for all in the queue: {all}.");

        var (usual, same) = await setting.StartAsync();
        await using (usual)
        {
            var some = await same.AskManyAsync(usual, Streams, stream: true);
            DrillFailedException.Unless(some[Outcome.Right] > 0 && some[Outcome.Right] + some[Outcome.Refused] == Streams, $"{Streams} streams with the usual queue: {some}.");
            await usual.IdleAsync();
            await same.RequireAllAsync(usual, "After the crowd");
            return $"{Streams} streams at once with a queue of {Streams}: {all} ({memory:F0} MiB); with the usual one: {some}";
        }
    }
}
