using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Exporter.Verification;

/// <summary>Sequences of tokens that a masked language model or an encoder-decoder was not trained on, as its inputs.</summary>
public static class HeldOutTokens
{
    /// <summary>Enough for a batch of many; every third of them is cut short, so that padding is compared too.</summary>
    private const int Rows = 12;

    /// <summary>The first of the test part of the model's training data, or random ones when the data are not here.</summary>
    /// <param name="modelFolder">Where the tokenizer is.</param>
    /// <param name="model">Whose inputs.</param>
    /// <param name="manifest">Names the data.</param>
    /// <param name="log">Told when the training data are not here.</param>
    public static IReadOnlyDictionary<string, HostTensor> Load(string modelFolder, TransformerModel model, ModelManifest manifest, TextWriter log)
    {
        var batch = Batch(modelFolder, model, manifest, log) ?? Random(model);
        var inputs = new Dictionary<string, HostTensor>(batch.ToInputs());
        var mask = inputs["attention_mask"];
        var (values, length) = (mask.AsSpan<long>().ToArray(), (int)mask.Shape[1]);
        for (var i = 0; i < values.Length; i++)
            values[i] *= i / length % 3 < 2 || i % length < (length + 1) / 2 ? 1 : 0;
        inputs["attention_mask"] = HostTensor.From(values, mask.Shape);
        return inputs;
    }

    private static TaskBatch? Batch(string modelFolder, TransformerModel model, ModelManifest manifest, TextWriter log)
    {
        try
        {
            return HeldOutTask.Open(modelFolder, model, manifest, int.MaxValue / 2).HeldOut(test: true, Rows).First();
        }
        catch (UserError problem)
        {
            log.WriteLine($"The held-out text is not here, so random tokens are compared on. ({problem.Message})");
            return null;
        }
    }

    private static TaskBatch Random(TransformerModel model)
    {
        var random = new Random(1);
        var length = Math.Min(16, model.Options.ContextLength);
        long[] Ids() => [.. Enumerable.Range(0, Rows * length).Select(_ => (long)random.Next(model.Vocabulary))];
        return new TaskBatch(new TokenBatch(Ids(), Ids(), Rows, length))
        {
            Source = model is EncoderDecoder ? new SourceText(Ids(), [.. Enumerable.Repeat(1L, Rows * length)], length) : null,
        };
    }
}
