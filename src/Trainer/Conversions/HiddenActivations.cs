using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>What the hidden units of a dense model do on a batch.</summary>
public static class HiddenActivations
{
    /// <summary>The input of the last projection of each dense feed-forward layer, in order: [T, F], T = rows * length. Without gradients.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batch">Its inputs are read.</param>
    /// <param name="device">Where the model is; null for the CPU.</param>
    public static IReadOnlyList<Tensor> Of(DecoderLm model, TokenBatch batch, Device? device)
    {
        using var noGrad = no_grad();
        var layers = new List<Tensor>();
        var ops = new TorchOps(training: false, device);
        var context = new ForwardContext(ops)
        {
            WatchHidden = hidden =>
            {
                var tensor = TorchOps.TensorOf(hidden);
                layers.Add(tensor.reshape(-1, tensor.shape[^1]));
            },
        };
        var (ids, positions) = batch.ToValues(ops);
        model.Forward(ids, positions, context);
        return layers;
    }
}
