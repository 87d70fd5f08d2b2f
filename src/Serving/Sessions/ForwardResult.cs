namespace OnnxMoe.Serving.Sessions;

/// <summary>What one step of a language model computed. Its memory is ONNX Runtime's: read it before disposing.</summary>
public sealed class ForwardResult : IDisposable
{
    private readonly RunOutputs _outputs;
    private readonly int _columns;
    private readonly int _firstToken;
    private readonly int _tokens;
    private readonly int _firstLogits;
    private readonly int _skipped;

    /// <summary>All that a run computed, which was for this step alone.</summary>
    /// <param name="outputs">Of the run; released with this.</param>
    /// <param name="tokens">Tokens of all rows.</param>
    /// <param name="columns">Tokens of each row.</param>
    internal ForwardResult(RunOutputs outputs, int tokens, int columns)
    {
        (_outputs, _tokens, _columns) = (outputs, tokens, columns);
        outputs.Share();
    }

    /// <summary>One sequence's part of what a run computed for several.</summary>
    /// <param name="outputs">Of the run; released with this.</param>
    /// <param name="firstToken">Place of its first token among those of the run.</param>
    /// <param name="tokens">How many it has.</param>
    /// <param name="firstLogits">Place of its first row of scores.</param>
    /// <param name="skipped">Tokens before the first that has scores.</param>
    internal ForwardResult(RunOutputs outputs, int firstToken, int tokens, int firstLogits, int skipped) : this(outputs, tokens, tokens) =>
        (_firstToken, _firstLogits, _skipped) = (firstToken, firstLogits, skipped);

    /// <summary>
    /// The scores of each token id to come after token <paramref name="column"/> of sequence <paramref name="row"/>. After a step that asked for the
    /// last ones only, of the last column.
    /// </summary>
    public ReadOnlySpan<float> Logits(int row, int column) => _outputs.Logits(_firstLogits + row * _columns + column - _skipped);

    /// <summary>Number of MoE layers whose routing the step reports, each iteration counted.</summary>
    public int RoutedLayers => _outputs.RoutedLayers;

    /// <summary>The experts chosen in the <paramref name="layer"/>-th MoE layer: [rows * columns, K], -1 for none.</summary>
    public ReadOnlySpan<long> ExpertIndices(int layer) => Mine(_outputs.Indices(layer));

    /// <summary>Their weights, of the same shape; only after a step that asked for them.</summary>
    public ReadOnlySpan<float> ExpertWeights(int layer) => Mine(_outputs.Weights(layer));

    public void Dispose() => _outputs.Release();

    private ReadOnlySpan<T> Mine<T>(ReadOnlySpan<T> all)
    {
        var slots = all.Length / _outputs.Tokens;
        return all.Slice(_firstToken * slots, _tokens * slots);
    }
}
