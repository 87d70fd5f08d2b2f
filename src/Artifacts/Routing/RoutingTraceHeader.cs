using System.Text.Json;

namespace OnnxMoe.Artifacts.Routing;

/// <summary>What a trace is about; written once at the start of the file.</summary>
/// <param name="Layers">The routed layers in ascending order.</param>
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

    internal bool SameModel(RoutingTraceHeader other) =>
        Model == other.Model && ModelHash == other.ModelHash && HasWeights == other.HasWeights && Layers.SequenceEqual(other.Layers);

    void Validate()
    {
        if (Layers is null or { Count: 0 })
            throw new UserError("A routing trace needs at least one routed layer; the model has none.");
        for (var i = 0; i < Layers.Count; i++)
        {
            var (layer, experts, k) = Layers[i];
            if (experts is < 1 or > MaximumExperts || k < 1)
                throw new UserError($"Routing trace: layer {layer} has {experts} experts and {k} slots a token; 1 to {MaximumExperts} experts and at least 1 slot are right.");
            if (i > 0 && layer <= Layers[i - 1].Layer)
                throw new UserError($"Routing trace: layer {layer} comes after layer {Layers[i - 1].Layer}; layers must be listed once, in ascending order.");
        }
    }
}
