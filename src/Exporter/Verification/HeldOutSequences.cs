using System.Text.Json;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Exporter.Verification;

/// <summary>Sequences that a classifier was not trained on, as its inputs.</summary>
public static class HeldOutSequences
{
    /// <summary>Enough for a batch of many; every third of them is cut short, so that padding is compared too.</summary>
    private const int Rows = 12;

    /// <summary>The first of the test part of the model's training data, or random ones when the data are not here.</summary>
    /// <param name="manifest">Gives the sizes and the data.</param>
    /// <param name="log">Told when the training data are not here.</param>
    /// <returns>features [12, S, F] and attention_mask [12, S].</returns>
    public static IReadOnlyDictionary<string, HostTensor> Load(ModelManifest manifest, TextWriter log)
    {
        var sizes = manifest.Classifier ?? throw new UserError($"'{manifest.Name}' is a {manifest.Kind}; there are no inputs to compare its export on.");
        var mask = new long[Rows * sizes.Length];
        for (var i = 0; i < mask.Length; i++)
            mask[i] = i / sizes.Length % 3 < 2 || i % sizes.Length < (sizes.Length + 1) / 2 ? 1 : 0;
        return new Dictionary<string, HostTensor>
        {
            ["features"] = HostTensor.From(Features(manifest, log) ?? Random(Rows * sizes.Length * sizes.Features), Rows, sizes.Length, sizes.Features),
            ["attention_mask"] = HostTensor.From(mask, Rows, sizes.Length),
        };
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
