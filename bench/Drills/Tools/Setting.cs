using System.Globalization;

namespace OnnxMoe.Drills.Tools;

/// <summary>What is served, and with what.</summary>
/// <param name="Command">The onnxmoe command.</param>
/// <param name="Model">The model folder.</param>
internal sealed record Setting(string Command, string Model)
{
    /// <summary>Limit of the server's managed heap, MiB; null for none. The drill's own is not limited.</summary>
    public int? HeapMiB { get; init; }

    /// <summary>The cgroup that the server is in; null for the drill's own.</summary>
    public MemoryGroup? Group { get; init; }

    /// <summary>Starts a server of the model.</summary>
    public RunningServer Start(params string[] settings) => RunningServer.Start(Command, Model,
        HeapMiB is { } mib ? new() { ["DOTNET_GCHeapHardLimit"] = ((long)mib << 20).ToString("X", CultureInfo.InvariantCulture) } : [], Group, settings);

    /// <summary>Starts a server of the model and learns what it answers.</summary>
    public async Task<(RunningServer Server, Questions Questions)> StartAsync(params string[] settings)
    {
        var server = Start(settings);
        try
        {
            return (server, await Questions.LearnAsync(server));
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>A copy of the model folder that goes away with it.</summary>
    public ModelCopy Copy() => new(Model);
}
