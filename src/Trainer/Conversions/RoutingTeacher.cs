using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>
/// The dense model that experts were cut out of, as a teacher of the router that chooses them: its activations tell which hidden units a token
/// needs. The experts' own activations would only repeat the routing they come from.
/// </summary>
/// <param name="dense">On the CPU.</param>
/// <param name="masks">Of the experts.</param>
/// <param name="firstDense">Layers that have no experts, counted from the first.</param>
public sealed class RoutingTeacher(DecoderLm dense, ExpertMasks masks, int firstDense)
{
    /// <summary>The own units of each expert as ones, [N, F] for each routed layer.</summary>
    public IReadOnlyList<Tensor> OwnMasks(Device? device) => Masks(masks.Own, device);

    /// <summary>All units of each expert as ones, [N, F] for each routed layer.</summary>
    public IReadOnlyList<Tensor> FullMasks(Device? device) => Masks(masks.Of, device);

    /// <summary>The hidden activations of each routed layer, [T, F].</summary>
    public IReadOnlyList<Tensor> Activations(TokenBatch batch, Device? device) =>
        [.. HiddenActivations.Of(dense, batch, device: null).Skip(firstDense).Select(layer => device is null ? layer : layer.to(device))];

    private Tensor[] Masks(Func<int, int, int[]> units, Device? device) =>
        [.. Enumerable.Range(firstDense, masks.Layers - firstDense).Select(layer => Mask(expert => units(layer, expert), device))];

    private Tensor Mask(Func<int, int[]> units, Device? device)
    {
        var mask = new float[masks.Experts * masks.Units];
        for (var expert = 0; expert < masks.Experts; expert++)
            foreach (var unit in units(expert))
                mask[expert * masks.Units + unit] = 1;
        return tensor(mask, [masks.Experts, masks.Units], device: device);
    }
}
