using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>
/// Cuts the feed-forward layers of a trained dense model into experts: each gets the hidden units that its mask keeps, those that all keep
/// once for all (unfused) or a copy each (fused). Both give what the dense layer with the other units switched off gives (Cai et al. 2024,
/// Read-ME, arXiv 2410.19123).
/// </summary>
public static class ActivationExpertExtractor
{
    /// <summary>Writes the sizes that the masks ask for into the options of the model to be made.</summary>
    public static void Settle(ModelOptions options, ExpertMasks masks, bool fused)
    {
        options.ExpertHidden = masks.Kept;
        options.PreGate.PermanentHidden = fused ? [] : [.. Enumerable.Range(options.FirstDenseLayers, masks.Layers - options.FirstDenseLayers).Select(layer => masks.Permanent(layer).Length)];
    }

    /// <summary>Copies what the dense model has into a model of those sizes; all of its router but the embedding stays random.</summary>
    /// <param name="dense">The trained model, every layer dense.</param>
    /// <param name="target">The new model.</param>
    /// <param name="masks">Of every layer of the dense model.</param>
    /// <param name="firstDense">Layers of the target that stay dense.</param>
    /// <param name="fused">As in <see cref="Settle"/>.</param>
    /// <exception cref="UserError">The models do not fit each other.</exception>
    public static void Copy(DecoderLm dense, DecoderLm target, ExpertMasks masks, int firstDense, bool fused)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var given = dense.Weights.ToDictionary(weight => weight.Name, weight => weight.Parameter.detach());
        var made = given.Where(pair => !IsCut(pair.Key, firstDense)).ToDictionary(pair => pair.Key, pair => pair.Value);
        for (var layer = firstDense; layer < masks.Layers; layer++)
        {
            var permanent = fused ? [] : masks.Permanent(layer);
            foreach (var name in new[] { "up", "gate", "down" }.Where(name => given.ContainsKey($"layers.{layer}.ffn.{name}")))
            {
                var weight = given[$"layers.{layer}.ffn.{name}"];
                var axis = name == "down" ? 0 : 1; // [D, F] and [F, D]
                made[$"layers.{layer}.moe.experts.{name}"] = stack([.. Enumerable.Range(0, masks.Experts)
                    .Select(expert => Take(weight, axis, fused ? masks.Of(layer, expert) : masks.Own(layer, expert)))]);
                if (permanent.Length > 0)
                    made[$"layers.{layer}.moe.shared.{name}"] = Take(weight, axis, permanent);
            }
        }
        if (target.Router is { } router)
            made[router.Embedding.Name] = FirstColumns(given["embedding"], router.Embedding);
        foreach (var weight in target.Router is null ? target.Weights : [.. target.BackboneWeights, target.Router.Embedding])
            Set(weight, made.GetValueOrDefault(weight.Name));
    }

    private static bool IsCut(string name, int firstDense) =>
        name.Split('.') is ["layers", var layer, "ffn", ..] && int.Parse(layer, System.Globalization.CultureInfo.InvariantCulture) >= firstDense;

    private static Tensor Take(Tensor weight, long axis, int[] units) => weight.index_select(axis, tensor(Array.ConvertAll(units, unit => (long)unit), device: weight.device));

    /// <summary>The router's embedding begins as the first columns of the model's.</summary>
    private static Tensor FirstColumns(Tensor embedding, Weight wanted) => wanted.Shape[1] <= embedding.shape[1]
        ? embedding.narrow(1, 0, wanted.Shape[1])
        : throw new UserError($"Model:PreGate:HiddenSize is {wanted.Shape[1]}, but the router's embedding begins as columns of the model's, which has {embedding.shape[1]}.");

    private static void Set(Weight weight, Tensor? value)
    {
        if (value is null || !value.shape.SequenceEqual(weight.Shape))
            throw new UserError($"The dense model has another form than the model to be made: {weight.Name} of [{string.Join(",", weight.Shape)}] is "
                + (value is null ? "not in it." : $"[{string.Join(",", value.shape)}] there."));
        weight.Parameter.copy_(value);
    }
}
