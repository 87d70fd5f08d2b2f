using MathNet.Numerics.LinearAlgebra;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>What GPTQ needs to know of the inputs of each matrix: the sum of x x^T over text that runs through the model as it was trained.</summary>
public static class InputProducts
{
    /// <param name="model">Not quantized.</param>
    /// <param name="names">Of the matrices.</param>
    /// <param name="batches">Text.</param>
    /// <returns>[inputs, inputs] of each matrix.</returns>
    /// <exception cref="Artifacts.UserError">There is no text.</exception>
    public static IReadOnlyDictionary<string, Matrix<double>> Of(DecoderLm model, IReadOnlyCollection<string> names, IReadOnlyCollection<TokenBatch> batches)
    {
        if (batches.Count == 0)
            throw new Artifacts.UserError("There is no text to calibrate GPTQ with.");
        var watchers = model.Weights.Where(weight => names.Contains(weight.Name)).ToDictionary(weight => weight.Name, weight => new Watcher(weight));
        using var noGrad = no_grad();
        var ops = new TorchOps();
        try
        {
            foreach (var batch in batches)
            {
                using var scope = NewDisposeScope();
                var (ids, positions) = batch.ToValues(ops);
                model.Forward(ids, positions, new ForwardContext(ops));
            }
        }
        finally
        {
            foreach (var watcher in watchers.Values)
                watcher.Leave();
        }
        return watchers.ToDictionary(watcher => watcher.Key, watcher => watcher.Value.Sum);
    }

    /// <summary>A weight's own product, whose inputs are looked at.</summary>
    private sealed class Watcher : IMatrixProduct
    {
        private readonly Weight _weight;

        public Watcher(Weight weight)
        {
            _weight = weight;
            Sum = Matrix<double>.Build.Dense((int)weight.Shape[0], (int)weight.Shape[0]);
            weight.Product = this;
        }

        public Matrix<double> Sum { get; private set; }

        public void Leave() => _weight.Product = null;

        public Value Of(Value x)
        {
            using (var scope = NewDisposeScope())
            {
                var rows = TorchOps.TensorOf(x).reshape(-1, _weight.Shape[0]).to_type(ScalarType.Float64);
                var products = TorchTensors.ToHost(rows.t().matmul(rows)).AsSpan<double>().ToArray();
                Sum += Matrix<double>.Build.Dense(Sum.RowCount, Sum.ColumnCount, products); // symmetric, so the order of its elements does not matter
            }
            return x.MatMul(x.Ops.Weight(_weight));
        }
    }
}
