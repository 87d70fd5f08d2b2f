namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>
/// Takes the tokens of a step to their experts and back: to each device that holds some of a token's experts the token goes once, the device
/// gives the weighted sum over these experts, and the sums are added at home in the order of the devices.
/// </summary>
internal static class ExpertDispatch
{
    /// <summary>Applies the experts of one call.</summary>
    /// <param name="call">Where.</param>
    /// <param name="sources">The tokens of all runs of the step.</param>
    /// <param name="experts">The experts and who finds them.</param>
    /// <param name="traffic">Is told what is sent, and who works how long.</param>
    /// <returns>A result [T, D] for each run.</returns>
    public static float[][] Apply(ExpertCall call, IReadOnlyList<RoutedTokens> sources, PlacedExperts experts, TrafficCounter traffic)
    {
        var sessions = experts.SessionsOf(call);
        var parcels = Pack(call, sources, experts, traffic);
        var sums = new float[sessions.Count][];
        int[] busy = [.. Enumerable.Range(0, sessions.Count).Where(device => parcels[device].Tokens.Count > 0)];
        if (busy.Length > 1)
            Parallel.ForEach(busy, Work);
        else
            Array.ForEach(busy, Work);

        var results = sources.Select(source => new float[source.Count * source.Width]).ToArray();
        foreach (var device in busy)
        {
            var (width, tokens) = (sources[0].Width, parcels[device].Tokens);
            for (var i = 0; i < tokens.Count; i++)
                Add(sums[device].AsSpan(i * width, width), results[tokens[i].Source].AsSpan(tokens[i].Token * width, width));
        }
        return results;

        void Work(int device)
        {
            var began = TimeProvider.System.GetTimestamp();
            sums[device] = parcels[device].Apply(sessions[device], sources);
            traffic.Worked(device, parcels[device].Tokens.Count, TimeProvider.System.GetElapsedTime(began));
        }
    }

    private static Parcel[] Pack(ExpertCall call, IReadOnlyList<RoutedTokens> sources, PlacedExperts experts, TrafficCounter traffic)
    {
        var (sessions, routes) = (experts.SessionsOf(call), experts.RoutesOf(call));
        var picks = sources.Max(source => source.Picks);
        var parcels = sessions.Select(_ => new Parcel(picks)).ToArray();
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
                if (parcels[device].Add(number, i / source.Picks, i % source.Picks, sessions[device].PlaceOf(expert), weights[i]) && device != source.Home)
                    traffic.Add(call.Site.Layer, source.Home, device);
            }
        }
        return parcels;
    }

    private static void Add(ReadOnlySpan<float> part, Span<float> sum)
    {
        for (var i = 0; i < part.Length; i++)
            sum[i] += part[i];
    }
}
