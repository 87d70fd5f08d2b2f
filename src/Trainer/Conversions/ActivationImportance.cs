using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>
/// How much a domain of the text uses each hidden unit of a dense model: the mean over tokens of |a|, a being what the last projection of
/// the feed-forward layer takes (Cai et al. 2024, Read-ME, arXiv 2410.19123).
/// </summary>
public static class ActivationImportance
{
    /// <summary>Sequences in one forward pass.</summary>
    private const int Rows = 8;

    /// <summary>Apart from the batches of training, whose steps are not negative.</summary>
    private const long Draw = -1;

    /// <param name="model">All of its feed-forward layers are dense.</param>
    /// <param name="domains">Their training text is read.</param>
    /// <param name="samples">Sequences of each domain, at random places.</param>
    /// <param name="length">Tokens of a sequence.</param>
    /// <param name="seed">Of the places.</param>
    /// <param name="device">Where the model is; null for the CPU.</param>
    /// <returns>[layer][domain][hidden unit]</returns>
    public static float[][][] Collect(DecoderLm model, IReadOnlyList<TextDomain> domains, int samples, int length, long seed, Device? device = null)
    {
        var byDomain = domains.Select(domain => OfDomain(model, domain, samples, length, seed, device)).ToArray();
        return [.. Enumerable.Range(0, byDomain[0].Length).Select(layer => byDomain.Select(importance => importance[layer]).ToArray())];
    }

    private static float[][] OfDomain(DecoderLm model, TextDomain domain, int samples, int length, long seed, Device? device)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var text = new TrainingMix([domain with { Share = 1 }]);
        var sums = new List<Tensor>();
        for (var (done, part) = (0, 0); done < samples; done += Rows, part++)
        {
            var batch = text.Batch(seed, Draw, part, Math.Min(Rows, samples - done), length);
            var layers = HiddenActivations.Of(model, batch, device);
            for (var layer = 0; layer < layers.Count; layer++)
            {
                var sum = layers[layer].abs().sum([0L]);
                if (layer == sums.Count)
                    sums.Add(sum);
                else
                    sums[layer].add_(sum);
            }
        }
        var tokens = (float)samples * length;
        return [.. sums.Select(sum => sum.cpu().div(tokens).data<float>().ToArray())];
    }
}
