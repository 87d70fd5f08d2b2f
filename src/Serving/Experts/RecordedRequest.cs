using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Routing;

namespace OnnxMoe.Serving.Experts;

/// <summary>A request as it was recorded, to be played again.</summary>
/// <param name="Arrival">Time of arrival, in batches: it is there when the batch of this number is formed.</param>
/// <param name="Prompt">The expert of each prompt token; at least one.</param>
/// <param name="Generated">The expert of each generated token that was fed back to the model.</param>
public sealed record RecordedRequest(int Arrival, IReadOnlyList<int> Prompt, IReadOnlyList<int> Generated)
{
    /// <summary>The requests of a routing trace, in the order of their first tokens.</summary>
    /// <param name="trace">Of a model with one decision a token for all layers: one slot a token, of which the first layer's is taken.</param>
    /// <param name="arrival">The time of arrival of the request of each place in that order; a trace has none.</param>
    /// <exception cref="UserError">The trace has no layer, several slots or iterations a token, or a token without an expert.</exception>
    public static IReadOnlyList<RecordedRequest> From(RoutingTrace trace, Func<int, int> arrival)
    {
        if (trace.Layers.Count == 0 || trace.Header.HasIterations || trace.Layers[0].ExpertsPerToken != 1 || trace.Ids(0).Contains(-1))
            throw new UserError("A trace of pre-gated requests has exactly one expert for each token; this one is of another kind of model.");
        var requests = new List<(List<int> Prompt, List<int> Generated)>();
        var places = new Dictionary<long, int>();
        for (var token = 0; token < trace.Tokens; token++)
        {
            if (places.TryAdd(trace.Requests[token], requests.Count))
                requests.Add(([], []));
            var (prompt, generated) = requests[places[trace.Requests[token]]];
            (trace.Phases[token] == RoutingPhase.Decode ? generated : prompt).Add(trace.Ids(0)[token]);
        }
        return [.. requests.Select((request, place) => new RecordedRequest(arrival(place), request.Prompt, request.Generated))];
    }
}
