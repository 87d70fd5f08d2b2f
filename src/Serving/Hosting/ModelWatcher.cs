using OnnxMoe.Artifacts;

namespace OnnxMoe.Serving.Hosting;

/// <summary>Reloads a model when its manifest, which every stage writes last, has changed (of a folder without one: the ONNX file).</summary>
internal sealed class ModelWatcher : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _stop = new();
    private readonly Task _watching;

    /// <summary>Starts to watch.</summary>
    /// <param name="slot">The model; its log says what became of a reload.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="onnx">Its ONNX file's name.</param>
    public ModelWatcher(ModelSlot slot, string folder, string onnx)
    {
        var manifest = Path.Combine(folder, ModelManifest.FileName);
        var path = File.Exists(manifest) ? manifest : Path.Combine(folder, onnx);
        _watching = Watch(slot, path, FileStamp.Of(path));
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching;
        _stop.Dispose();
    }

    private async Task Watch(ModelSlot slot, string path, FileStamp known)
    {
        using var timer = new PeriodicTimer(Pause);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                if (FileStamp.Of(path) is var stamp && stamp == known)
                    continue;
                known = stamp;
                await TryReload(slot);
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    /// <summary>What cannot be loaded is logged and left alone until the manifest changes again.</summary>
    private async Task TryReload(ModelSlot slot)
    {
        try
        {
            await slot.ReloadAsync(_stop.Token);
        }
        catch (Exception) when (!_stop.IsCancellationRequested)
        {
        }
    }
}
