using System.Text.Json;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Exporter.Verification;

/// <summary>Sequences that a classifier was not trained on, as its inputs.</summary>
public static class HeldOutSequences
{
    private const string Mask = "attention_mask";

    /// <summary>Enough for a batch of many; every third of them is cut short where there can be padding, so that it is compared too.</summary>
    private const int Rows = 12;

    /// <summary>The first of the test part of the model's training data, or random ones when the data are not here.</summary>
    /// <param name="model">Its inputs are made.</param>
    /// <param name="manifest">Names the data.</param>
    /// <param name="log">Told when the training data are not here.</param>
    /// <returns>12 rows for each input.</returns>
    public static IReadOnlyDictionary<string, HostTensor> Load(Classifier model, ModelManifest manifest, TextWriter log)
    {
        var sizes = model.Sizes;
        var features = Features(manifest, log) ?? Random(Rows * sizes.Length * sizes.Features);
        var inputs = model.InputsOf(new(features, new long[Rows], sizes.Length, sizes.Features, sizes.Classes)).ToDictionary();
        if (!inputs.ContainsKey(Mask))
            return inputs;
        var mask = new long[Rows * sizes.Length];
        for (var i = 0; i < mask.Length; i++)
            mask[i] = i / sizes.Length % 3 < 2 || i % sizes.Length < (sizes.Length + 1) / 2 ? 1 : 0;
        inputs[Mask] = HostTensor.From(mask, Rows, sizes.Length);
        return inputs;
    }

    private static float[]? Features(ModelManifest manifest, TextWriter log)
    {
        try
        {
            var options = manifest.Recipe?["Data"]?.Deserialize<DataOptions>() ?? throw new UserError("The manifest does not say what the training data were.");
            return LabeledDataset.Open(options).Test.Take([.. Enumerable.Range(0, Rows)]).Features;
        }
        catch (UserError problem)
        {
            log.WriteLine($"The held-out data are not here, so random ones are compared on. ({problem.Message})");
            return null;
        }
    }

    private static float[] Random(int count)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle())];
    }
}
