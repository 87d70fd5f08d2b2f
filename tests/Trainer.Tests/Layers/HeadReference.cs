using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static OnnxMoe.Trainer.Tests.Layers.Unions;

namespace OnnxMoe.Trainer.Tests.Layers;

/// <summary>Attention over heads with plain loops: every head dense over the whole sequence, its keys masked and its queries zeroed where it is not chosen.</summary>
internal static class HeadReference
{
    private const int Width = Size / Heads;

    /// <param name="x">[batch, Length, Size]</param>
    /// <param name="bank">The weights.</param>
    /// <param name="batch">Sequences.</param>
    /// <param name="chosen">Whether a token (counted through the batch) is the head's.</param>
    /// <param name="gate">A token's factor.</param>
    /// <param name="causal">Whether a token sees earlier ones only.</param>
    public static float[] Attention(float[] x, HeadBank bank, int batch, Func<int, int, bool> chosen, Func<int, float> gate, bool causal)
    {
        var qkv = TorchTensors.ToHost(bank.Weights[0].Parameter).AsSpan<float>().ToArray();
        var output = TorchTensors.ToHost(bank.Weights[1].Parameter).AsSpan<float>().ToArray();
        var result = new float[x.Length];
        for (var head = 0; head < Heads; head++)
        {
            double[] Row(int token, int part) => [.. Enumerable.Range(0, Width).Select(c =>
                Enumerable.Range(0, Size).Sum(i => (double)x[token * Size + i] * qkv[(head * Size + i) * 3 * Width + part * Width + c]))];
            for (var query = 0; query < batch * Length; query++)
            {
                if (!chosen(query, head))
                    continue;
                var first = query / Length * Length;
                var keys = Enumerable.Range(first, Length).Where(key => chosen(key, head) && (!causal || key <= query)).ToArray();
                var q = Rotated(Row(query, 0), query % Length);
                var scores = keys.Select(key => Math.Exp(q.Zip(Rotated(Row(key, 1), key % Length)).Sum(pair => pair.First * pair.Second) / Math.Sqrt(Width))).ToArray();
                var mixed = new double[Width];
                for (var k = 0; k < keys.Length; k++)
                {
                    var value = Row(keys[k], 2);
                    for (var c = 0; c < Width; c++)
                        mixed[c] += scores[k] / scores.Sum() * value[c];
                }
                for (var i = 0; i < Size; i++)
                    result[query * Size + i] += (float)(gate(query) * Enumerable.Range(0, Width).Sum(c => mixed[c] * output[(head * Width + c) * Size + i]));
            }
        }
        return result;
    }

    private static double[] Rotated(double[] row, int position)
    {
        var half = Width / 2;
        var rotated = new double[Width];
        for (var i = 0; i < half; i++)
        {
            var angle = position * Math.Pow(10000, -2.0 * i / Width);
            rotated[i] = row[i] * Math.Cos(angle) - row[i + half] * Math.Sin(angle);
            rotated[i + half] = row[i + half] * Math.Cos(angle) + row[i] * Math.Sin(angle);
        }
        return rotated;
    }
}
