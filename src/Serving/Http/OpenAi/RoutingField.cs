using System.Text.Json.Nodes;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Serving.Generation;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>The field <c>routing</c>: in a request the wish to know the experts of each generated token, in a choice these experts.</summary>
internal static class RoutingField
{
    public const string Name = "routing";

    /// <summary>The sites whose experts the client wants; null when it does not ask.</summary>
    /// <exception cref="ApiError">It asks a model that reports none.</exception>
    public static IReadOnlyList<RoutingSite>? Read(JsonFields fields, LanguageModel model) =>
        !fields.Flag(Name) ? null
        : model.RoutedLayers.Count > 0 ? model.RoutedLayers
        : throw fields.Error(Name, $"is true, but '{model.Name}' has no layers that report which experts their tokens meet; leave it out.");

    /// <summary>By site, a list for each token: <c>{"0": [[3, 7], [1, 7]], "2": [[0, 5], [0, 4]]}</c>.</summary>
    public static JsonObject Write(IReadOnlyList<RoutingSite> sites, IReadOnlyList<TokenRouting> routing) => new(sites.Select((site, i) =>
        KeyValuePair.Create<string, JsonNode?>($"{site}", new JsonArray([.. routing.Select(token => (JsonNode)Numbers(token.Experts[i]))]))));

    private static JsonArray Numbers(IReadOnlyList<int> experts) => new([.. experts.Select(expert => (JsonNode)expert)]);
}
