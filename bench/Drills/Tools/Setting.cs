namespace OnnxMoe.Drills.Tools;

/// <summary>What is served, and with what.</summary>
/// <param name="Command">The onnxmoe command.</param>
/// <param name="Model">The model folder.</param>
internal sealed record Setting(string Command, string Model)
{
    /// <summary>Starts a server of the model and learns what it answers.</summary>
    public async Task<(RunningServer Server, Questions Questions)> StartAsync(params string[] settings)
    {
        var server = RunningServer.Start(Command, Model, new Dictionary<string, string>(), settings);
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
