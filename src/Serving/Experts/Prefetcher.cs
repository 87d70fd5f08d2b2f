namespace OnnxMoe.Serving.Experts;

/// <summary>
/// Plans when the missing experts of a batch come. Since a pre-gated batch has the same experts in all layers, those of layer l + 1 can come while
/// layer l is computed; on demand, they come when layer l is done. One transfer runs at a time.
/// </summary>
/// <param name="cost">Sizes and speeds.</param>
public sealed class Prefetcher(StepCost cost)
{
    /// <summary>The times of each layer in one step.</summary>
    /// <param name="tokens">Tokens in the batch.</param>
    /// <param name="missing">Experts of the batch that are not in fast memory, in each layer.</param>
    /// <param name="ahead">Load while the layer before is computed; false: on demand.</param>
    public IReadOnlyList<LayerTime> Plan(int tokens, int missing, bool ahead)
    {
        var layers = new List<LayerTime>();
        var last = new LayerTime(0, 0, 0, 0);
        for (var layer = 0; layer < cost.Layers; layer++)
        {
            var loadStart = Math.Max(last.LoadEnd, ahead ? last.ComputeStart : last.ComputeEnd);
            var loadEnd = loadStart + missing * cost.LoadSeconds;
            var computeStart = Math.Max(last.ComputeEnd, loadEnd);
            layers.Add(last = new(loadStart, loadEnd, computeStart, computeStart + cost.LayerSeconds + tokens * cost.TokenSeconds));
        }
        return layers;
    }

    /// <summary>Seconds of a whole step.</summary>
    public double Seconds(int tokens, int missing, bool ahead) => Plan(tokens, missing, ahead)[^1].ComputeEnd;
}
