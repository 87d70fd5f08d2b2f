namespace OnnxMoe.Serving.Hosting;

/// <summary>The right of a request to use one version of the model until it is disposed.</summary>
public sealed class ModelLease : IDisposable
{
    private Action? _release;

    internal ModelLease(ServedModel model, Action release) => (Model, _release) = (model, release);

    /// <summary>The version that new requests got when this one came.</summary>
    public ServedModel Model { get; }

    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}
