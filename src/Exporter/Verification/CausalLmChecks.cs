using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Exporter.Verification;

/// <summary>Compares an exported language model with the model itself, on given text, the ways a server uses it.</summary>
/// <param name="model">With the weights that the file stores.</param>
/// <param name="tokens">Text, at least 4 tokens and no more than the model's context.</param>
/// <param name="caller">What the caller decides beside the tokens; null: nothing.</param>
public sealed class CausalLmChecks(Model model, long[] tokens, CallerInputs? caller = null) : ModelCheck
{
    /// <summary>
    /// Whole text at once; the first half and then token by token through each side's own cache; and two rows at once, the
    /// second shorter and padded on the left where <paramref name="leftPadding"/> allows that.
    /// </summary>
    public override IEnumerable<ExportCheck> Run(OnnxSession session, string label, bool leftPadding, CancellationToken cancellation, RoundedWeights? weights = null, bool rounds = false)
    {
        label += caller?.Label;
        yield return Prefill(session, new($"prefill{label}", rounds), weights);
        cancellation.ThrowIfCancellationRequested();
        yield return Decode(session, new($"decode{label}", rounds), weights, cancellation);
        yield return Batch(session, new(leftPadding ? $"batch-left-padded{label}" : $"batch{label}", rounds), weights, leftPadding);
    }

    private Dictionary<string, HostTensor> Inputs(long[][] ids, int[]? padding = null, IReadOnlyDictionary<string, HostTensor>? previous = null)
    {
        var inputs = CausalLmStep.Inputs(model, ids, padding, previous);
        foreach (var (name, value) in (caller ?? CallerInputs.None).Of(ids))
            inputs[name] = value;
        return inputs;
    }

    private ExportCheck Prefill(OnnxSession session, OutputDifference difference, RoundedWeights? weights)
    {
        var inputs = Inputs([tokens]);
        difference.Add(TorchRunner.Run(model, inputs, weights)["logits"], session.Run(inputs, ["logits"])["logits"]);
        return difference.ToCheck();
    }

    private ExportCheck Decode(OnnxSession session, OutputDifference difference, RoundedWeights? weights, CancellationToken cancellation)
    {
        Dictionary<string, HostTensor>? expected = null;
        Dictionary<string, HostTensor>? actual = null;
        for (var done = 0; done < tokens.Length;)
        {
            cancellation.ThrowIfCancellationRequested();
            long[] next = done == 0 ? tokens[..(tokens.Length / 2)] : [tokens[done]];
            expected = TorchRunner.Run(model, Inputs([next], null, expected), weights);
            actual = session.Run(Inputs([next], null, actual));
            difference.Add(expected["logits"], actual["logits"]);
            done += next.Length;
        }
        return difference.ToCheck();
    }

    private ExportCheck Batch(OnnxSession session, OutputDifference difference, RoundedWeights? weights, bool leftPadding)
    {
        var half = tokens.Length / 2;
        var padding = leftPadding ? half / 3 : 0;
        var first = tokens[..half];
        var second = tokens[half..(2 * half)];
        for (var i = 0; i < padding; i++)
            second[i] = 0;
        var inputs = Inputs([first, second], [0, padding]);
        var counts = Enumerable.Range(0, 2 * half).Select(i => i < half || i - half >= padding).ToArray();
        difference.Add(TorchRunner.Run(model, inputs, weights)["logits"], session.Run(inputs, ["logits"])["logits"], counts);
        return difference.ToCheck();
    }
}
