using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Serving.Sessions;

/// <summary>The caches of an ONNX file, as its own inputs describe them: which there are, how they begin, and what replaces them.</summary>
internal sealed class CacheLayout
{
    private readonly CacheInput[] _caches;

    /// <param name="graph">The loaded file.</param>
    /// <param name="file">What to call it in errors.</param>
    /// <exception cref="UserError">A cache breaks the rules of <see cref="CacheInput"/>, or nothing replaces it.</exception>
    public CacheLayout(IModelGraph graph, string file)
    {
        _caches = [.. graph.Inputs.Where(input => CacheInput.Is(input.Key)).Select(input => Read(input.Key, input.Value))];
        if (_caches.FirstOrDefault(cache => !graph.Outputs.ContainsKey(cache.Output)) is { } lost)
            throw new UserError($"{file} has the cache '{lost.Name}', but no output '{lost.Output}' to go on with; export it again.");
    }

    /// <summary>Number of caches.</summary>
    public int Count => _caches.Length;

    /// <summary>What they grow by for each token of one sequence.</summary>
    public long BytesPerToken => _caches.Sum(cache => cache.BytesPerToken);

    /// <summary>A cache of sequences that have seen no token yet.</summary>
    /// <param name="rows">How many sequences.</param>
    /// <param name="home">Where they are at home; null leaves that open.</param>
    public KeyValueCache New(int rows, Home? home = null)
    {
        var empty = Array.ConvertAll(_caches, cache => OrtValue.CreateAllocatedTensorValue(OrtAllocator.DefaultInstance, (TensorElementType)cache.Type, cache.EmptyShape(rows)));
        return new KeyValueCache(rows, empty) { Home = home };
    }

    /// <summary>Adds what the sequences have seen to the inputs of a run.</summary>
    public void AddInputs(Dictionary<string, OrtValue> inputs, KeyValueCache cache)
    {
        for (var i = 0; i < _caches.Length; i++)
            inputs[_caches[i].Name] = cache.Tensors[i];
    }

    /// <summary>What replaces it, one output a cache in their order; it stays on the device.</summary>
    public IEnumerable<(string Name, bool Stays)> Outputs => _caches.Select(cache => (cache.Output, true));

    private static CacheInput Read(string name, NodeMetadata input) => new(name, (ElementType)input.ElementDataType,
        input.Dimensions.Zip(input.SymbolicDimensions, (size, symbol) => size >= 0 ? $"{size}" : symbol.Length > 0 ? symbol : "?"));
}
