using OnnxMoe.Serving.ExpertParallel;
using Prometheus;

namespace OnnxMoe.Serving.Observability;

/// <summary>What goes on between the devices of one loaded model, for Prometheus.</summary>
internal sealed class TrafficMetrics
{
    private readonly string _model;
    private readonly ServedPlacement _placement;
    private readonly Counter _sent;
    private readonly Counter.Child _changes;
    private readonly Gauge _up;
    private readonly Counter _failures;
    private readonly Dictionary<(int Layer, int From, int To), long> _counted = [];
    private readonly int[] _failed;
    private int _replacements;

    public TrafficMetrics(CollectorRegistry registry, string model, ServedPlacement placement)
    {
        (_model, _placement) = (model, placement);
        var metrics = Metrics.WithCustomRegistry(registry);
        _sent = metrics.CreateCounter("onnxmoe_device_tokens_sent_total", "Tokens sent from their home device to another that holds experts they meet; as many results come back.", "model_name", "layer", "from", "to");
        _failed = new int[placement.Devices.Count];
        _up = metrics.CreateGauge("onnxmoe_device_up", "1 when the device is used, 0 when it has failed.", "model_name", "device");
        _failures = metrics.CreateCounter("onnxmoe_device_failures_total", "How often a device has failed.", "model_name", "device");
        _changes = metrics.CreateCounter("onnxmoe_placement_changes_total", "How often the placement plan was replaced.", "model_name").WithLabels(model);
    }

    /// <summary>Takes over what was counted since the last time. The counters outlive the model: its next version adds to them.</summary>
    public void Collect()
    {
        lock (_counted)
        {
            _changes.Inc(_placement.Replacements - _replacements);
            _replacements = _placement.Replacements;
            foreach (var device in _placement.Devices)
            {
                _up.WithLabels(_model, $"{device.Number}").Set(device.IsUp ? 1 : 0);
                _failures.WithLabels(_model, $"{device.Number}").Inc(device.Failures - _failed[device.Number]);
                _failed[device.Number] = device.Failures;
            }
            foreach (var layer in _placement.Traffic.Read())
                for (var from = 0; from < _placement.Devices.Count; from++)
                    for (var to = 0; to < _placement.Devices.Count; to++)
                        if (from != to)
                            Add((layer.Layer, from, to), layer.Tokens[from, to]);
        }
    }

    private void Add((int Layer, int From, int To) way, long tokens)
    {
        _sent.WithLabels(_model, $"{way.Layer}", $"{way.From}", $"{way.To}").Inc(tokens - _counted.GetValueOrDefault(way));
        _counted[way] = tokens;
    }
}
