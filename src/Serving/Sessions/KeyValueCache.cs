using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.Sessions;

/// <summary>
/// What a model keeps of the tokens that a batch of sequences has seen: keys, values and whatever else its file has a cache for
/// (<see cref="CacheLayout"/>), each in one piece, kept where the session computes.
/// </summary>
public sealed class KeyValueCache : SequenceCache
{
    private OrtValue[] _tensors;
    private readonly List<Exception> _problems = []; // of runs that were given them

    internal KeyValueCache(int rows, OrtValue[] empty) => (Rows, _tensors) = (rows, empty);

    /// <inheritdoc/>
    public override int Rows { get; }

    /// <summary>Where the sequences are at home; null when that is left open.</summary>
    internal Home? Home { get; init; }

    internal IReadOnlyList<OrtValue> Tensors => _tensors;

    /// <summary>Takes over the tensors after a step of <paramref name="added"/> tokens and frees those before it.</summary>
    internal void Advance(OrtValue[] tensors, int added)
    {
        Replace(tensors);
        Length += added;
    }

    /// <summary>Notes that a run which was given the tensors failed: a device that hangs may still read them when it goes on.</summary>
    internal void Failed(Exception problem) => _problems.Add(problem);

    public override void Dispose() => Replace([]);

    private void Replace(OrtValue[] tensors)
    {
        var old = _tensors;
        _tensors = tensors;
        DeviceException.Afterwards(_problems, () => Array.ForEach(old, tensor => tensor.Dispose()));
        _problems.Clear();
    }
}
