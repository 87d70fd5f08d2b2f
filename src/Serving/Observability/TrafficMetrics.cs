using OnnxMoe.Serving.ExpertParallel;
using Prometheus;

namespace OnnxMoe.Serving.Observability;

/// <summary>What goes on between several devices, for Prometheus.</summary>
internal static class TrafficMetrics
{
    /// <summary>Adds the numbers to those that are collected.</summary>
    public static void Add(CollectorRegistry registry, string model, ServedPlacement placement)
    {
        var metrics = Metrics.WithCustomRegistry(registry);
        var sent = metrics.CreateCounter("onnxmoe_device_tokens_sent_total", "Tokens sent from their home device to another that holds experts they meet; as many results come back.", "model_name", "layer", "from", "to");
        var changes = metrics.CreateCounter("onnxmoe_placement_changes_total", "How often the placement plan was replaced.", "model_name").WithLabels(model);
        registry.AddBeforeCollectCallback(() =>
        {
            changes.IncTo(placement.Replacements);
            foreach (var layer in placement.Traffic.Read())
                for (var from = 0; from < placement.Devices.Count; from++)
                    for (var to = 0; to < placement.Devices.Count; to++)
                        if (from != to)
                            sent.WithLabels(model, $"{layer.Layer}", $"{from}", $"{to}").IncTo(layer.Tokens[from, to]);
        });
    }
}
