namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>
/// Takes the tokens of a step to their experts and back: to each device that holds some of a token's experts the token goes once, the device
/// gives the weighted sum over these experts, and the sums are added at home in the order of the devices.
/// </summary>
internal static class ExpertDispatch
{
    /// <summary>Applies the experts of one call.</summary>
    /// <param name="call">Where.</param>
    /// <param name="width">Numbers of a token, D.</param>
    /// <param name="sources">The tokens of all runs of the step; none on a rank of a group that only works for others.</param>
    /// <param name="experts">The experts and who finds them.</param>
    /// <param name="exchange">Brings the tokens there and back.</param>
    /// <param name="traffic">Is told who works how long.</param>
    /// <returns>What each run gets; null when a device has failed, or had before.</returns>
    public static DispatchedTokens[]? Apply(ExpertCall call, int width, IReadOnlyList<RoutedTokens> sources, PlacedExperts experts, IExpertExchange exchange, TrafficCounter traffic)
    {
        var parcels = Pack(call, sources, experts);
        if (!exchange.Reaches([.. Enumerable.Range(0, parcels.Length).Where(device => parcels[device].Tokens.Count > 0)]))
            return null;
        return exchange.Apply(call, experts, Array.ConvertAll(parcels, parcel => parcel.WorkOn(sources, width)), traffic) is { } sums ? Sum(width, sources, parcels, sums) : null;
    }

    private static Parcel[] Pack(ExpertCall call, IReadOnlyList<RoutedTokens> sources, PlacedExperts experts)
    {
        var routes = experts.RoutesOf(call);
        var picks = sources.Select(source => source.Picks).DefaultIfEmpty().Max();
        var parcels = experts.Plan.Devices.Select(_ => new Parcel(picks)).ToArray();
        for (var number = 0; number < sources.Count; number++)
        {
            var source = sources[number];
            var indices = source.Indices.GetTensorDataAsSpan<long>();
            var weights = source.Weights.GetTensorDataAsSpan<float>();
            for (var i = 0; i < indices.Length; i++)
            {
                if (indices[i] < 0)
                    continue;
                var expert = (int)indices[i];
                var device = routes.DeviceOf(expert, source.Home, source.TurnOf(i / source.Picks));
                parcels[device].Add(number, i / source.Picks, i % source.Picks, experts.PlaceOf(call, device, expert), weights[i]);
            }
        }
        return parcels;
    }

    private static DispatchedTokens[] Sum(int width, IReadOnlyList<RoutedTokens> sources, Parcel[] parcels, float[][] sums)
    {
        var results = sources.Select(source => new DispatchedTokens(new float[source.Count * source.Width], new int[parcels.Length])).ToArray();
        for (var device = 0; device < parcels.Length; device++)
        {
            var tokens = parcels[device].Tokens;
            for (var i = 0; i < tokens.Count; i++)
            {
                var (source, token) = tokens[i];
                Add(sums[device].AsSpan(i * width, width), results[source].Values.AsSpan(token * width, width));
                if (sources[source].IsNew(token))
                    results[source].Met[device]++;
            }
        }
        return results;
    }

    private static void Add(ReadOnlySpan<float> part, Span<float> sum)
    {
        for (var i = 0; i < part.Length; i++)
            sum[i] += part[i];
    }
}
