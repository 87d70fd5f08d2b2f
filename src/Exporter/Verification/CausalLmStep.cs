using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Exporter.Verification;

/// <summary>Makes the inputs of a causal language model for one step.</summary>
public static class CausalLmStep
{
    /// <param name="model">Names, types and shapes of the cache inputs (<see cref="CacheInput"/>) come from it.</param>
    /// <param name="ids">[B][S] token ids.</param>
    /// <param name="padding">Left padding of each row at the start of its sequence; null: none.</param>
    /// <param name="previous">The outputs of the step before, whose cache is continued; null: none.</param>
    public static Dictionary<string, HostTensor> Inputs(Model model, long[][] ids, int[]? padding = null, IReadOnlyDictionary<string, HostTensor>? previous = null)
    {
        var caches = model.Inputs.Where(spec => CacheInput.Is(spec.Name)).Select(spec => new CacheInput(spec.Name, spec.Type, spec.Dimensions)).ToArray();
        var past = previous is null ? 0 : (int)previous[caches[0].Output].Shape[caches[0].PastAxis];
        var (batch, length) = (ids.Length, ids[0].Length);
        var total = past + length;
        var mask = new long[batch * total];
        var positions = new long[batch * length];
        for (var b = 0; b < batch; b++)
        {
            var pad = padding?[b] ?? 0;
            mask.AsSpan(b * total + pad, total - pad).Fill(1);
            for (var s = 0; s < length; s++)
                positions[b * length + s] = Math.Max(0, past + s - pad);
        }
        var inputs = new Dictionary<string, HostTensor>
        {
            ["input_ids"] = HostTensor.From(ids.SelectMany(row => row).ToArray(), batch, length),
            ["attention_mask"] = HostTensor.From(mask, batch, total),
            ["position_ids"] = HostTensor.From(positions, batch, length),
        };
        foreach (var cache in caches)
            inputs[cache.Name] = previous?[cache.Output] ?? new HostTensor(cache.Type, cache.EmptyShape(batch), []);
        return inputs;
    }
}
