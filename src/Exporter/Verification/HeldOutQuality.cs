using System.Text.Json;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Exporter.Verification;

/// <summary>What a model is worth on data that it was not trained on, by the same rule for the model and for any file of it.</summary>
public sealed class HeldOutQuality
{
    /// <summary>The metric of models that predict tokens: e to the mean of -log p of the right one.</summary>
    public const string Perplexity = "perplexity";

    /// <summary>The metric of classifiers: the share of inputs whose class is found.</summary>
    public const string Accuracy = "accuracy";

    /// <summary>Longer contexts than this are not asked for, which keeps a measurement at seconds.</summary>
    private const int LongestWindow = 256;

    private readonly IReadOnlyList<(IReadOnlyDictionary<string, HostTensor> Inputs, long[] Targets)> _batches;

    private HeldOutQuality(string metric, IReadOnlyList<(IReadOnlyDictionary<string, HostTensor> Inputs, long[] Targets)> batches) => (Metric, _batches) = (metric, batches);

    public string Metric { get; }

    /// <summary>Predictions that it is measured on.</summary>
    public int Count => _batches.Sum(batch => batch.Targets.Count(target => target != TaskBatch.Ignored));

    /// <summary>Of a language model: each token of the text from those before it in its window.</summary>
    /// <param name="model">Whose inputs.</param>
    /// <param name="tokens">The text.</param>
    /// <param name="contextLength">Tokens that the model can read.</param>
    public static HeldOutQuality OfText(Model model, IReadOnlyList<long> tokens, int contextLength)
    {
        var windows = tokens.Chunk(Math.Min(contextLength, LongestWindow)).Where(window => window.Length > 1);
        return new(Perplexity, [.. windows.Select(window => (Step(model, window), (long[])[.. window[1..], TaskBatch.Ignored]))]);
    }

    /// <summary>Of a model that fills in or translates: the tokens asked for, in batches of the test part of its training data; null when the data are not here.</summary>
    /// <param name="modelFolder">Where the tokenizer is.</param>
    /// <param name="model">Says which data.</param>
    /// <param name="manifest">Names them.</param>
    /// <param name="least">Predictions wanted, if there are as many.</param>
    public static HeldOutQuality? OfTokens(string modelFolder, TransformerModel model, ModelManifest manifest, int least)
    {
        const int rows = 16;
        try
        {
            var task = HeldOutTask.Open(modelFolder, model, manifest, least);
            var wanted = least;
            return new(Perplexity, [.. task.HeldOut(test: true, rows).TakeWhile(batch => wanted > 0 && (wanted -= batch.Predicted) < least)
                .Select(batch => (batch.ToInputs(), batch.Tokens.Targets))]);
        }
        catch (UserError)
        {
            return null;
        }
    }

    /// <summary>Of a classifier: the first sequences of the test part of its training data; null when the data are not here.</summary>
    /// <param name="model">Whose inputs.</param>
    /// <param name="manifest">Names the data.</param>
    /// <param name="most">Sequences.</param>
    public static HeldOutQuality? OfSequences(Classifier model, ModelManifest manifest, int most)
    {
        const int rows = 64;
        try
        {
            var test = LabeledDataset.Open(DataOf(manifest)).Test;
            return new(Accuracy, [.. test.Take([.. Enumerable.Range(0, Math.Min(most, test.Count))]).Batches(rows).Select(batch => (model.InputsOf(batch), batch.Labels))]);
        }
        catch (UserError)
        {
            return null;
        }
    }

    /// <summary>Measures it.</summary>
    /// <param name="logits">The output "logits" [..., classes] for inputs of the model.</param>
    public double Of(Func<IReadOnlyDictionary<string, HostTensor>, HostTensor> logits, CancellationToken cancellation)
    {
        var (loss, found) = (0.0, 0);
        foreach (var (inputs, targets) in _batches)
        {
            cancellation.ThrowIfCancellationRequested();
            var scores = logits(inputs);
            var classes = (int)scores.Shape[^1];
            for (var i = 0; i < targets.Length; i++)
            {
                if (targets[i] == TaskBatch.Ignored)
                    continue;
                var row = scores.AsSpan<float>().Slice(i * classes, classes);
                var (best, right) = (row[0], row[(int)targets[i]]);
                foreach (var score in row)
                    best = Math.Max(best, score);
                var sum = 0.0;
                foreach (var score in row)
                    sum += Math.Exp(score - best);
                loss += Math.Log(sum) + best - right;
                found += right == best ? 1 : 0;
            }
        }
        return Metric == Perplexity ? Math.Exp(loss / Count) : (double)found / Count;
    }

    private static Dictionary<string, HostTensor> Step(Model model, long[] window)
    {
        var inputs = CausalLmStep.Inputs(model, [window]);
        if (model is DecoderLm { Router: { } router })
            inputs[Artifacts.Manifests.PreGate.ExpertIds] = TorchRunner.Run(router, CausalLmStep.Inputs(router, [window]))[Artifacts.Manifests.PreGate.ExpertIds];
        return inputs;
    }

    private static DataOptions DataOf(ModelManifest manifest) =>
        manifest.Recipe?["Data"]?.Deserialize<DataOptions>() ?? throw new UserError("The manifest does not say what the training data were.");
}
