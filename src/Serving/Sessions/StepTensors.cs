using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.Sessions;

/// <summary>What a step of equally long sequences without padding feeds beside the caches: token ids, mask and positions.</summary>
internal sealed class StepTensors : IDisposable
{
    public const string Ids = "input_ids";
    public const string Mask = "attention_mask";
    public const string Positions = "position_ids";

    private readonly Dictionary<string, OrtValue> _values;

    /// <param name="tokens">Token ids [rows, columns].</param>
    /// <param name="cache">What the sequences have seen so far.</param>
    public StepTensors(ReadOnlySpan<long> tokens, KeyValueCache cache)
    {
        Columns = tokens.Length / cache.Rows;
        var (rows, columns, total) = (cache.Rows, Columns, cache.Length + Columns);
        _values = new()
        {
            [Ids] = OrtValue.CreateTensorValueFromMemory(tokens.ToArray(), [rows, columns]),
            [Mask] = OrtValue.CreateTensorValueFromMemory(Filled(rows * total, _ => 1), [rows, total]),
            [Positions] = OrtValue.CreateTensorValueFromMemory(Filled(rows * columns, i => cache.Length + i % columns), [rows, columns]),
        };
    }

    /// <summary>Tokens of each sequence.</summary>
    public int Columns { get; }

    /// <summary>The names of these inputs.</summary>
    public static IReadOnlyList<string> Names { get; } = [Ids, Mask, Positions];

    /// <summary>Those that the graph has.</summary>
    public Dictionary<string, OrtValue> InputsOf(IModelGraph graph) =>
        _values.Where(input => graph.Inputs.ContainsKey(input.Key)).ToDictionary(input => input.Key, input => input.Value);

    public void Dispose()
    {
        foreach (var value in _values.Values)
            value.Dispose();
    }

    private static long[] Filled(int count, Func<int, long> value)
    {
        var values = new long[count];
        for (var i = 0; i < count; i++)
            values[i] = value(i);
        return values;
    }
}
