namespace OnnxMoe.Artifacts.Routing;

/// <summary>
/// Imports traces written as CSV with a line for each token, layer and expert: the columns <c>token</c>, <c>layer</c> and <c>expert</c>, and if there are any
/// <c>weight</c>, <c>request</c> and <c>phase</c> (prefill, decode, evaluation). Tokens come in the order of their first lines.
/// </summary>
internal static class RoutingTraceCsv
{
    private static readonly string[] Needed = ["token", "layer", "expert"];

    /// <summary>Reads the file.</summary>
    /// <param name="path">Its name.</param>
    /// <param name="experts">Experts of a layer; 0: the largest id and one more.</param>
    /// <exception cref="UserError">A column is missing, or a line is wrong.</exception>
    public static RoutingTrace Load(string path, int experts)
    {
        using var table = CsvTable.Open(path);
        if (Needed.FirstOrDefault(column => !table.Has(column)) is { } missing)
            throw new UserError($"'{path}' has no column '{missing}'; a routing trace has {string.Join(", ", Needed)} (and weight, request, phase), expert counts have layer, expert, count.");
        var (hasWeights, hasRequests, hasPhases) = (table.Has("weight"), table.Has("request"), table.Has("phase"));
        var numbers = new Dictionary<(long Request, long Token), int>();
        var tokens = new List<(long Request, RoutingPhase Phase)>();
        var layers = new SortedDictionary<int, Dictionary<int, List<(int Expert, float Weight)>>>();
        while (table.Next())
        {
            var key = (hasRequests ? table.Whole("request", 0, long.MaxValue) : 0, table.Whole("token", 0, long.MaxValue));
            var phase = hasPhases ? table.Choice<RoutingPhase>("phase") : RoutingPhase.Prefill;
            if (numbers.TryAdd(key, tokens.Count))
                tokens.Add((key.Item1, phase));
            var token = numbers[key];
            if (tokens[token].Phase != phase)
                throw table.Wrong($"token {key.Item2} has two phases");
            var layer = (int)table.Whole("layer", 0, int.MaxValue);
            var expert = (int)table.Whole("expert", 0, (experts > 0 ? experts : RoutingTraceHeader.MaximumExperts) - 1);
            if (!layers.TryGetValue(layer, out var routes))
                layers[layer] = routes = [];
            if (!routes.TryGetValue(token, out var slots))
                routes[token] = slots = [];
            if (slots.Any(slot => slot.Expert == expert))
                throw table.Wrong($"token {key.Item2} has met expert {expert} of layer {layer} before");
            slots.Add((expert, hasWeights ? table.Number("weight") : 0));
        }
        if (tokens.Count == 0)
            throw new UserError($"'{path}' has no line but that of the columns' names.");
        var all = experts > 0 ? experts : 1 + layers.Values.SelectMany(routes => routes.Values).SelectMany(slots => slots).Max(slot => slot.Expert);
        TracedLayer[] traced = [.. layers.Select(layer => new TracedLayer(layer.Key, all, layer.Value.Values.Max(slots => slots.Count)))];
        return new RoutingTrace(new RoutingTraceHeader(traced, Path.GetFileNameWithoutExtension(path), HasWeights: hasWeights), tokens.Select((token, t) => new RoutingTraceFrame(token.Request, token.Phase, 1,
            [.. traced.Select(layer => Slots(layer, t, slot => slot.Expert, -1))],
            [.. traced.Select(layer => hasWeights ? Slots(layer, t, slot => slot.Weight, 0f) : ReadOnlyMemory<float>.Empty)])));

        ReadOnlyMemory<T> Slots<T>(TracedLayer layer, int token, Func<(int Expert, float Weight), T> of, T none)
        {
            var slots = Enumerable.Repeat(none, layer.ExpertsPerToken).ToArray();
            if (layers[layer.Layer].TryGetValue(token, out var met))
                for (var s = 0; s < met.Count; s++)
                    slots[s] = of(met[s]);
            return slots;
        }
    }
}
