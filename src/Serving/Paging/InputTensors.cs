using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.Paging;

/// <summary>Tensors of numbers for one run after another: as long as the shape of one stays, as it mostly does from token to token, only its values change.</summary>
internal sealed class InputTensors : IDisposable
{
    private readonly Dictionary<string, Entry> _entries = [];

    /// <summary>The values of the run that comes next.</summary>
    public Dictionary<string, OrtValue> Values { get; } = [];

    /// <summary>Gives an input its values.</summary>
    public void Set<T>(string name, T[] values, params ReadOnlySpan<long> shape) where T : unmanaged
    {
        if (_entries.TryGetValue(name, out var entry) && entry.Shape.AsSpan().SequenceEqual(shape))
        {
            values.CopyTo(entry.Values, 0);
        }
        else
        {
            entry?.Tensor.Dispose();
            _entries[name] = entry = new(values, shape.ToArray(), OrtValue.CreateTensorValueFromMemory(values, shape.ToArray()));
        }
        Values[name] = entry.Tensor;
    }

    public void Dispose()
    {
        foreach (var entry in _entries.Values)
            entry.Tensor.Dispose();
    }

    /// <param name="Values">An array that is the tensor's memory.</param>
    /// <param name="Shape">Its shape.</param>
    /// <param name="Tensor">The tensor.</param>
    private sealed record Entry(Array Values, long[] Shape, OrtValue Tensor);
}
