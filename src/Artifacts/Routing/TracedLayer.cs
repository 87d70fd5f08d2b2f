using System.Text.Json.Serialization;

namespace OnnxMoe.Artifacts.Routing;

/// <summary>One routed layer of a trace, or one of its passes where it makes several.</summary>
/// <param name="Layer">Number of the layer in the model (dense layers are counted too).</param>
/// <param name="Experts">E, how many routed experts the layer has; ids are 0 .. E-1.</param>
/// <param name="ExpertsPerToken">K, the slots a token has in this pass; an unused slot holds -1.</param>
public sealed record TracedLayer(int Layer, int Experts, int ExpertsPerToken)
{
    /// <summary>Which pass through the layer's experts, from 0; all passes of a layer meet the same experts.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Iteration { get; init; }

    /// <summary>Layer and pass.</summary>
    [JsonIgnore]
    public RoutingSite Site => new(Layer, Iteration);
}
