using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Data;

/// <summary>What a transformer over tokens is trained or measured on at once.</summary>
/// <param name="Tokens">Its input and, for each token, what is to be found there: an id, or <see cref="Ignored"/>.</param>
public sealed record TaskBatch(TokenBatch Tokens)
{
    /// <summary>A target that is not asked for.</summary>
    public const long Ignored = -100;

    /// <summary>What an encoder-decoder reads; null for other models.</summary>
    public SourceText? Source { get; init; }

    /// <summary>Targets that are asked for.</summary>
    public int Predicted => Tokens.Targets.Count(target => target != Ignored);

    /// <summary>As the inputs of a masked language model or an encoder-decoder.</summary>
    public IReadOnlyDictionary<string, HostTensor> ToInputs()
    {
        var ids = HostTensor.From(Tokens.Inputs, Tokens.Rows, Tokens.Length);
        return Source is { } source
            ? new Dictionary<string, HostTensor>
            {
                ["input_ids"] = HostTensor.From(source.Ids, Tokens.Rows, source.Length),
                ["attention_mask"] = HostTensor.From(source.Mask, Tokens.Rows, source.Length),
                ["decoder_input_ids"] = ids,
            }
            : new Dictionary<string, HostTensor> { ["input_ids"] = ids, ["attention_mask"] = HostTensor.From(Enumerable.Repeat(1L, Tokens.Inputs.Length).ToArray(), Tokens.Rows, Tokens.Length) };
    }
}
