using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Artifacts.Routing;

/// <summary>
/// Imports traces that are one NumPy array of whole numbers: <c>[tokens, layers]</c> (ExFlow's form, an expert for each token and layer) or
/// <c>[tokens, layers, experts a token]</c>; -1 is no expert. All tokens are taken for one prompt.
/// </summary>
internal static class RoutingTraceNpy
{
    /// <summary>Reads the file.</summary>
    /// <param name="path">Its name.</param>
    /// <param name="experts">Experts of a layer; 0: the largest id and one more.</param>
    /// <exception cref="UserError">The array has another form, or an id is out of range.</exception>
    public static RoutingTrace Load(string path, int experts)
    {
        var array = Npy.Load(path);
        if (!array.Type.IsWhole() || array.Shape.Length is not (2 or 3) || array.Count == 0)
            throw new UserError($"'{path}' is {array}; a routing trace is an array of whole numbers [tokens, layers] or [tokens, layers, experts a token].");
        var ids = array.ToInt64();
        var (tokens, layers, slots) = ((int)array.Shape[0], (int)array.Shape[1], array.Shape.Length == 3 ? (int)array.Shape[2] : 1);
        var most = (experts > 0 ? experts : RoutingTraceHeader.MaximumExperts) - 1;
        var wrong = Array.FindIndex(ids, id => id < -1 || id > most);
        if (wrong >= 0)
            throw new UserError($"'{path}': token {wrong / (layers * slots)}, layer {wrong / slots % layers} names expert {ids[wrong]}; the experts are 0 to {most}, and -1 is none.");
        var all = experts > 0 ? experts : (int)Math.Max(0, ids.Max()) + 1;
        var header = new RoutingTraceHeader([.. Enumerable.Range(0, layers).Select(layer => new TracedLayer(layer, all, slots))], Path.GetFileNameWithoutExtension(path), HasWeights: false);
        ReadOnlyMemory<int> Layer(int layer)
        {
            var chosen = new int[tokens * slots];
            for (var i = 0; i < chosen.Length; i++)
                chosen[i] = (int)ids[(((i / slots * layers) + layer) * slots) + (i % slots)];
            return chosen;
        }
        return new RoutingTrace(header,
            [new(0, RoutingPhase.Prefill, tokens, [.. Enumerable.Range(0, layers).Select(Layer)], [.. Enumerable.Repeat(ReadOnlyMemory<float>.Empty, layers)])]);
    }
}
