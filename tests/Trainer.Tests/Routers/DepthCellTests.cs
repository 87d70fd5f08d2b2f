using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using OnnxMoe.Trainer.Routers;

namespace OnnxMoe.Trainer.Tests.Routers;

public class DepthCellTests
{
    private const int Width = 5;
    private const int Tokens = 6;
    private static readonly TorchOps Ops = new(training: true);

    public static TheoryData<string> Cells => ["gru", "rnn", "lstm"];

    [Theory]
    [MemberData(nameof(Cells))]
    public void IsTorchsCellWrittenAsALoop(string kind)
    {
        var cell = Make(kind);
        var (input, state) = (Some.Normal(Ops, 1, Tokens, Width), States(cell));
        var next = cell.Next(input, state);
        var expected = Reference(kind, cell, Some.Floats(input), [.. state.Select(Some.Floats)]);

        Assert.Equal(cell.States, next.Length);
        for (var s = 0; s < next.Length; s++)
            Close(expected[s], Some.Floats(next[s]), 1e-6);
    }

    /// <summary>ONNX's operators recur over a sequence; with one position they are the cell.</summary>
    [Theory]
    [MemberData(nameof(Cells))]
    public void IsOneStepOfOnnxsRecurrentOperator(string kind)
    {
        var cell = Make(kind);
        var (input, state) = (Some.Normal(Ops, 1, Tokens, Width), States(cell));
        // ONNX has the gates in the order z, r, n of a GRU and i, o, f, g of an LSTM.
        int[] order = kind switch { "gru" => [1, 0, 2], "lstm" => [0, 3, 1, 2], _ => [0] };
        var bias = new[] { Gates(2), Gates(3) }.Concat(0).Reshape(1, -1);
        Value?[] inputs = [input.Unsqueeze(0), Gates(0).Transpose(1, 0).Unsqueeze(0), Gates(1).Transpose(1, 0).Unsqueeze(0), bias, null, .. state.Select(s => s.Unsqueeze(0))];
        var attributes = new Attributes { ["hidden_size"] = (long)Width };
        if (kind == "gru")
            attributes["linear_before_reset"] = 1L;
        var expected = Ops.Apply(kind.ToUpperInvariant(), inputs, attributes, 1 + cell.States);

        foreach (var (actual, s) in cell.Next(input, state).Select((value, s) => (value, s)))
            Close([.. Some.Floats(expected[1 + s]).Select(v => (double)v)], Some.Floats(actual), 1e-6);

        Value Gates(int weight)
        {
            var parts = Ops.Weight(cell.Weights[weight]).Split(-1, [.. order.Select(_ => (long)Width)]);
            return order.Select(gate => parts[gate]).ToArray().Concat(-1);
        }
    }

    private static DepthCell Make(string kind)
    {
        var scope = new LayerScope(9);
        DepthCell cell = kind switch { "gru" => new GruCell(scope, Width, 0.7), "rnn" => new RnnCell(scope, Width, 0.7), _ => new LstmCell(scope, Width, 0.7) };
        using (TorchSharp.torch.no_grad())
        {
            foreach (var (weight, i) in cell.Weights.Select((weight, i) => (weight, i)).Where(pair => pair.weight.Shape.Length == 1))
                weight.Parameter.copy_(TorchOps.TensorOf(Some.Normal(Ops, 20 + i, weight.Shape)));
        }
        return cell;
    }

    private static Value[] States(DepthCell cell) => [.. Enumerable.Range(0, cell.States).Select(i => Some.Normal(Ops, 30 + i, Tokens, Width))];

    private static double[][] Reference(string kind, DepthCell cell, float[] input, float[][] state)
    {
        var weights = cell.Weights.Select(weight => Some.Floats(Ops.Weight(weight))).ToArray();
        var columns = weights[2].Length;
        var next = state.Select(_ => new double[Tokens * Width]).ToArray();
        for (var t = 0; t < Tokens; t++)
        {
            double Dot(float[] x, int matrix, int column) => weights[matrix + 2][column] + Enumerable.Range(0, Width).Sum(d => (double)x[t * Width + d] * weights[matrix][d * columns + column]);
            for (var j = 0; j < Width; j++)
            {
                double A(int gate) => Dot(input, 0, gate * Width + j);
                double H(int gate) => Dot(state[0], 1, gate * Width + j);
                var (old, at) = (state[^1][t * Width + j], t * Width + j);
                if (kind == "gru")
                {
                    var (r, z) = (Sigmoid(A(0) + H(0)), Sigmoid(A(1) + H(1)));
                    next[0][at] = (1 - z) * Math.Tanh(A(2) + r * H(2)) + z * old;
                }
                else if (kind == "lstm")
                {
                    next[1][at] = Sigmoid(A(1) + H(1)) * old + Sigmoid(A(0) + H(0)) * Math.Tanh(A(2) + H(2));
                    next[0][at] = Sigmoid(A(3) + H(3)) * Math.Tanh(next[1][at]);
                }
                else
                {
                    next[0][at] = Math.Tanh(A(0) + H(0));
                }
            }
        }
        return next;
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static void Close(double[] expected, float[] actual, double tolerance) =>
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, tolerance));
}
