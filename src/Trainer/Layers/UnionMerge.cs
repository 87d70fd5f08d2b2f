using OnnxMoe.Trainer.Ops;

namespace OnnxMoe.Trainer.Layers;

/// <summary>
/// Adds what experts made of their tokens to the places of these tokens; a token that nobody took gets 0 (Yang et al. 2025, arXiv 2503.02495).
/// ScatterND adds whole rows from opset 16 on.
/// </summary>
public static class UnionMerge
{
    /// <param name="outputs">[R, D]; 0 where a row only fills a place.</param>
    /// <param name="rows">[R] int64: the token of each, 0 to T - 1; tokens may come several times.</param>
    /// <param name="tokens">[T, D]: gives the shape.</param>
    /// <param name="gate">[T, 1]; null: 1.</param>
    /// <returns>[T, D]</returns>
    public static Value Merge(Value outputs, Value rows, Value tokens, Value? gate)
    {
        var sum = tokens.Scalar(0).Expand(tokens.Shape()).ScatterND(rows.Unsqueeze(1), outputs, "add");
        return gate is null ? sum : sum * gate;
    }
}
