using System.Text.Json;
using System.Text.Json.Serialization;

namespace OnnxMoe.Artifacts.Routing;

/// <summary>What a trace is about; written once at the start of the file.</summary>
/// <param name="Layers">The routed layers in ascending order; a layer of several passes is there for each, in their order.</param>
/// <param name="Model">Name of the model that was traced.</param>
/// <param name="ModelHash">Hash that ties the trace to one set of weights (sha256, lower-case hex); empty when unknown.</param>
/// <param name="HasWeights">Whether the combine weights are stored beside the ids.</param>
public sealed record RoutingTraceHeader(IReadOnlyList<TracedLayer> Layers, string Model = "", string ModelHash = "", bool HasWeights = true)
{
    /// <summary>Most experts a layer can have: ids are stored in at most 16 bits, one value of which means "none".</summary>
    public const int MaximumExperts = 65535;

    static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web);

    internal byte[] ToBytes()
    {
        Validate();
        return JsonSerializer.SerializeToUtf8Bytes(this, Json);
    }

    internal static RoutingTraceHeader FromBytes(ReadOnlySpan<byte> bytes)
    {
        var header = JsonSerializer.Deserialize<RoutingTraceHeader>(bytes, Json) ?? throw new JsonException("The header is null.");
        header.Validate();
        return header;
    }

    /// <summary>Whether some layer passes its experts several times, so that lines of <see cref="Layers"/> share experts.</summary>
    [JsonIgnore]
    public bool HasIterations => Layers.Any(layer => layer.Iteration > 0);

    internal bool SameModel(RoutingTraceHeader other) =>
        Model == other.Model && ModelHash == other.ModelHash && HasWeights == other.HasWeights && Layers.SequenceEqual(other.Layers);

    /// <summary>A later pass stands behind the pass before it and meets the same experts.</summary>
    void ValidatePass(int i)
    {
        var pass = Layers[i];
        if (i == 0 || pass.Layer != Layers[i - 1].Layer || pass.Iteration != Layers[i - 1].Iteration + 1 || pass.Experts != Layers[i - 1].Experts)
            throw new UserError($"Routing trace: iteration {pass.Iteration} of layer {pass.Layer} must follow iteration {pass.Iteration - 1} of the same layer and have as many experts.");
    }

    void Validate()
    {
        if (Layers is null or { Count: 0 })
            throw new UserError("A routing trace needs at least one routed layer; the model has none.");
        for (var i = 0; i < Layers.Count; i++)
        {
            var (layer, experts, k) = Layers[i];
            if (experts is < 1 or > MaximumExperts || k < 1)
                throw new UserError($"Routing trace: layer {layer} has {experts} experts and {k} slots a token; 1 to {MaximumExperts} experts and at least 1 slot are right.");
            if (Layers[i].Iteration != 0)
                ValidatePass(i);
            else if (i > 0 && layer <= Layers[i - 1].Layer)
                throw new UserError($"Routing trace: layer {layer} comes after layer {Layers[i - 1].Layer}; layers must be listed once, in ascending order.");
        }
    }
}
