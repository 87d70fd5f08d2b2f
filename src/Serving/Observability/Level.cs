using Prometheus;

namespace OnnxMoe.Serving.Observability;

/// <summary>What one engine adds to a gauge that it may share with another: while a model is replaced, both versions have requests.</summary>
/// <param name="gauge">The sum of all engines.</param>
internal sealed class Level(Gauge.Child gauge)
{
    private double _value;

    /// <summary>Sets this engine's part. Called by one thread at a time.</summary>
    public void Set(double value)
    {
        gauge.Inc(value - _value);
        _value = value;
    }
}
