using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.Sessions;

/// <summary>
/// What a model keeps of the tokens that a batch of sequences has seen: keys, values and whatever else its file has a cache for
/// (<see cref="CacheLayout"/>), each in one piece, kept where the session computes.
/// </summary>
public sealed class KeyValueCache : SequenceCache
{
    private OrtValue[] _tensors;

    internal KeyValueCache(int rows, OrtValue[] empty) => (Rows, _tensors) = (rows, empty);

    /// <inheritdoc/>
    public override int Rows { get; }

    /// <summary>Where the sequences are at home; null when that is left open.</summary>
    internal Home? Home { get; init; }

    internal IReadOnlyList<OrtValue> Tensors => _tensors;

    /// <summary>Takes over the tensors after a step of <paramref name="added"/> tokens and frees those before it.</summary>
    internal void Advance(OrtValue[] tensors, int added)
    {
        var old = _tensors;
        _tensors = tensors;
        Length += added;
        foreach (var tensor in old)
            tensor.Dispose();
    }

    public override void Dispose()
    {
        foreach (var tensor in _tensors)
            tensor.Dispose();
        _tensors = [];
    }
}
