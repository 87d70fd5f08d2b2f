using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Data;

/// <summary>Windows of tokens with what follows each token.</summary>
/// <param name="Inputs">Token ids [rows, length], row by row.</param>
/// <param name="Targets">For each input the id that follows it [rows, length].</param>
/// <param name="Rows">Number of windows.</param>
/// <param name="Length">Tokens in a window.</param>
public sealed record TokenBatch(long[] Inputs, long[] Targets, int Rows, int Length)
{
    /// <summary>Token ids and positions from 0, both [rows, length] int64.</summary>
    public (Value Ids, Value Positions) ToValues(TorchOps ops) =>
        (ops.Value(tensor(Inputs, [Rows, Length], device: ops.Device)),
        ops.Value(arange(Length, ScalarType.Int64, ops.Device).unsqueeze(0).expand(Rows, Length)));

    internal static TokenBatch Empty(int rows, int length) => new(new long[rows * length], new long[rows * length], rows, length);
}
