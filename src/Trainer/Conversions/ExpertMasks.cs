using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Trainer.Conversions;

/// <summary>
/// Which hidden units of a dense model each expert keeps, in each layer. What all experts of a layer keep is permanent, the rest of an
/// expert is its own (Cai et al. 2024, Read-ME, arXiv 2410.19123). All experts keep equally many.
/// </summary>
/// <param name="kept">[layer][expert][hidden unit].</param>
public sealed class ExpertMasks(bool[][][] kept)
{
    /// <summary>The file of a model folder that says which units of the dense model its experts came from.</summary>
    public const string FileName = "expert_masks.safetensors";

    public int Layers => kept.Length;

    public int Experts => kept[0].Length;

    /// <summary>Hidden units of a layer of the dense model.</summary>
    public int Units => kept[0][0].Length;

    /// <summary>Hidden units of an expert, the permanent ones among them.</summary>
    public int Kept => kept[0][0].Count(unit => unit);

    /// <summary>
    /// The units that an expert keeps: the <paramref name="units"/> most important ones for its domain, of equally important ones those of lower index.
    /// </summary>
    /// <param name="importance">[layer][domain][hidden unit].</param>
    /// <param name="units">See <see cref="UnitsAt"/>.</param>
    public static ExpertMasks Of(float[][][] importance, int units) => new([.. importance.Select(layer => layer.Select(domain => Largest(domain, units)).ToArray())]);

    /// <summary>As many random units for each expert: the control.</summary>
    public static ExpertMasks Random(int layers, int experts, int hidden, int units, int seed)
    {
        var random = new Random(seed);
        float[] Draw() => [.. Enumerable.Range(0, hidden).Select(_ => random.NextSingle())];
        return Of([.. Enumerable.Range(0, layers).Select(_ => Enumerable.Range(0, experts).Select(_ => Draw()).ToArray())], units);
    }

    /// <summary>
    /// How many units a keep rate leaves: the published code keeps those strictly above the n-th largest importance, n = floor(rate * units), which are n - 1.
    /// </summary>
    /// <exception cref="UserError">None are left.</exception>
    public static int UnitsAt(double keepRate, int hidden)
    {
        var n = (int)(keepRate * hidden);
        return n >= 2 ? n - 1 : throw new UserError(FormattableString.Invariant(
            $"Start:Extraction:KeepRate is {keepRate}, which leaves an expert nothing of {hidden} hidden units; it must be at least 2 / {hidden}."));
    }

    /// <summary>The units that the experts of a layer all keep, ascending.</summary>
    public int[] Permanent(int layer) => Where(unit => kept[layer].All(expert => expert[unit]));

    /// <summary>The units of an expert that are not permanent, ascending.</summary>
    public int[] Own(int layer, int expert)
    {
        var permanent = Permanent(layer).ToHashSet();
        return Where(unit => kept[layer][expert][unit] && !permanent.Contains(unit));
    }

    /// <summary>All units of an expert, ascending.</summary>
    public int[] Of(int layer, int expert) => Where(unit => kept[layer][expert][unit]);

    /// <summary>Throws when the experts of a layer are all the same, so that there is nothing to route by.</summary>
    /// <exception cref="UserError">A layer's experts have nothing of their own.</exception>
    public void RequireOwnParts()
    {
        for (var layer = 0; layer < Layers; layer++)
        {
            if (Own(layer, 0).Length == 0)
                throw new UserError($"All domains use the same hidden units of layer {layer}, so its experts would be one and the same; give domains that differ more (Data:Source), or a smaller Start:Extraction:KeepRate.");
        }
    }

    /// <summary>Writes masks and importances, by layer.</summary>
    /// <param name="path">A .safetensors file.</param>
    /// <param name="importance">What the masks were made from.</param>
    /// <param name="domains">The domain of each expert.</param>
    public void Save(string path, float[][][] importance, IEnumerable<string> domains) =>
        Safetensors.Save(path, Enumerable.Range(0, Layers).SelectMany(layer => new[]
        {
            KeyValuePair.Create($"layers.{layer}.kept", HostTensor.From(kept[layer].SelectMany(expert => expert.Select(unit => unit ? (byte)1 : (byte)0)).ToArray(), Experts, Units)),
            KeyValuePair.Create($"layers.{layer}.importance", HostTensor.From(importance[layer].SelectMany(domain => domain).ToArray(), Experts, Units)),
        }), new Dictionary<string, string> { ["domains"] = string.Join(',', domains), ["routing_scope"] = "model" });

    private static bool[] Largest(float[] importance, int units)
    {
        var mask = new bool[importance.Length];
        foreach (var unit in Enumerable.Range(0, importance.Length).OrderByDescending(unit => importance[unit]).Take(units)) // a stable order
            mask[unit] = true;
        return mask;
    }

    private int[] Where(Func<int, bool> holds) => [.. Enumerable.Range(0, Units).Where(holds)];
}
