using System.Globalization;
using System.Runtime.InteropServices;
using OnnxMoe.Artifacts;
using OnnxMoe.Serving.ExpertParallel;
using OnnxMoe.Serving.Groups;

namespace OnnxMoe.Serving;

/// <summary>The <c>serve</c> verb: serves a model folder until it is told to stop.</summary>
public static class ServeRun
{
    /// <summary>SIGUSR1.</summary>
    private const PosixSignal GroupStop = (PosixSignal)10;

    /// <inheritdoc cref="ExecuteAsync(string, ServeOptions, TextWriter, CancellationToken)"/>
    public static Task ExecuteAsync(string modelFolder, ServeOptions options, CancellationToken stop) =>
        ExecuteAsync(modelFolder, options, Console.Out, stop);

    /// <summary>
    /// Loads the model, prints where it listens and what to try, and returns after <paramref name="stop"/> when the running
    /// requests are answered or the time for it is over.
    /// </summary>
    /// <exception cref="UserError">A wrong setting, a damaged model folder, a port that is taken.</exception>
    public static async Task ExecuteAsync(string modelFolder, ServeOptions options, TextWriter output, CancellationToken stop)
    {
        if (options.Group == "mpi")
            await ExecuteInGroupAsync(modelFolder, options, output, stop);
        else
            await ServeAsync(modelFolder, options, output, stop);
    }

    /// <summary>Rank 0 answers requests until it is told to stop; then it tells the others. They mind no signal.</summary>
    private static async Task ExecuteInGroupAsync(string modelFolder, ServeOptions options, TextWriter output, CancellationToken stop)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stop);
        // mpirun passes it on to all ranks and waits for them. At SIGTERM it gives them a second.
        using var passedOn = PosixSignalRegistration.Create(GroupStop, context =>
        {
            context.Cancel = true;
            end.Cancel();
        });
        using var group = ServerGroup.Join();
        if (group.Rank > 0)
        {
            await Task.Run(() => GroupMember.Run(modelFolder, options, group, output), CancellationToken.None);
            group.Leave();
            return;
        }
        group.Broken += end.Cancel;
        try
        {
            if (group.Problem is null)
                await ServeAsync(modelFolder, options, output, end.Token);
        }
        catch (UserError) when (group.Problem is null)
        {
            group.Leave(); // the others do, too
            throw;
        }
        if (group.Problem is { } problem)
            throw new GroupBrokenException(problem);
        group.Leave();
    }

    private static async Task ServeAsync(string modelFolder, ServeOptions options, TextWriter output, CancellationToken stop)
    {
        await using var server = await ModelServer.StartAsync(modelFolder, options);
        await output.WriteLineAsync(Greeting(server, options));
        await Task.Delay(Timeout.Infinite, stop).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        await output.WriteLineAsync(ServerGroup.Current?.Problem is { } problem ? $"{problem}: the group ends." : "Stopping: new requests get status 503, running ones may finish.");
        if (!await server.DrainAsync(TimeSpan.FromSeconds(options.DrainSeconds)))
            await output.WriteLineAsync($"Some requests were cut off after {options.DrainSeconds} seconds (Serve:DrainSeconds).");
    }

    private static string Describe(ServedPlacement placement, ServeOptions options) => placement.Plan.Source.Trace.Length > 0 || placement.Plan.Solver != ServedPlacement.Contiguous
        ? $"{placement.Devices.Count} devices ({string.Join(", ", placement.Devices.Select(device => device.Device))}); the experts are where {options.Placement} says (made by {placement.Plan.Solver})."
        : $"{placement.Devices.Count} devices ({string.Join(", ", placement.Devices.Select(device => device.Device))}); there is no {options.Placement}, so consecutive experts are together. 'onnxmoe place' plans better.";

    private static string Greeting(ModelServer server, ServeOptions options)
    {
        var (url, name) = (server.Address.ToString().TrimEnd('/'), server.Model.Name);
        var tensors = $"""
            Serving {name} at {url} (Ctrl+C stops)

              curl {url}/v2/models/{name}
            """;
        if (server.Model.Placement is { } placement)
            tensors = $"{tensors}\n  curl {url}/admin/placement\n\n{Describe(placement, options)}\n";
        if (ServerGroup.Current is { } group)
            tensors = $"{tensors}{group.Describe(server.Model.Homes)}\n";
        var providers = $"ONNX Runtime runs it with {string.Join(", ", server.Model.Providers)}.";
        if (server.Model.Language is not { } language)
            return $"{tensors}\n\n{providers}";
        var perToken = server.Model.CacheBytesPerToken;
        var caches = server.Model.CacheTokens is { } room
            ? string.Create(CultureInfo.InvariantCulture, $"KV cache: pages for {room:N0} tokens of all sequences, {perToken:N0} bytes each, {room * perToken / 1e6:F1} MB")
            : string.Create(CultureInfo.InvariantCulture, $"KV caches: {perToken:N0} bytes a token, {perToken * language.Sizes.ContextLength * options.Slots / 1e6:F1} MB for {options.Slots} sequences of {language.Sizes.ContextLength} tokens");
        return $$"""
            {{tensors}}
              curl {{url}}/v1/completions -d '{"prompt": "The people of the", "max_tokens": 40, "temperature": 0.8}'
              curl -N {{url}}/v1/chat/completions -d '{"messages": [{"role": "user", "content": "Hello."}], "stream": true}'

            {{providers}}
            Engine: {{server.Model.Engine}}
            {{caches}}
            """;
    }
}
