using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Supernets;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Quantization;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Experiments.Searches;

/// <summary>How much faster ONNX Runtime runs a perceptron of integers than one of floating-point numbers, whatever its weights.</summary>
internal static class IntegerSpeed
{
    /// <param name="width">Of the stream and of the hidden layers.</param>
    /// <param name="blocks">How many.</param>
    /// <param name="batch">Inputs at a time.</param>
    /// <returns>Median time of 32 bits over that of 8; above 1 where integers are faster.</returns>
    public static double Of(int width, int blocks, int batch)
    {
        var inputs = new Dictionary<string, HostTensor>
        {
            ["features"] = HostTensor.From(Enumerable.Range(0, batch * 64).Select(i => i % 7 / 7f).ToArray(), batch, 1, 64),
            ["attention_mask"] = HostTensor.From(Enumerable.Repeat(1L, batch).ToArray(), batch, 1),
        };
        MlpClassifier Perceptron(LinearPrecision precision)
        {
            var options = new ModelOptions { Backbone = ModelOptions.Perceptron, Activation = "relu", Mlp = new() { Width = width, Hidden = [.. Enumerable.Repeat(width, blocks)] } };
            options.Quantization = new QuantPolicy([.. Enumerable.Repeat(precision, 2 + (2 * blocks))]).ToOptions();
            return new(options, new(64, 1, 10), 1);
        }
        var times = new LatencyMeter(_ => inputs, new() { WarmUp = 20, Repetitions = 200 }).MeasureTogether([Perceptron(LinearPrecision.Full), Perceptron(new(8, true))]);
        return times[0].Median / times[1].Median;
    }
}
