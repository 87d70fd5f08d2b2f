using Prometheus;

namespace OnnxMoe.Serving.Observability;

/// <summary>What one engine has counted elsewhere, as its part of a counter that outlives it: when a model is replaced, the next version adds to it.</summary>
/// <param name="counter">The sum of all engines.</param>
internal sealed class Tally(Counter.Child counter)
{
    private double _value;

    /// <summary>Takes over this engine's count so far. Called by one thread at a time.</summary>
    public void Set(double value)
    {
        counter.Inc(value - _value);
        _value = value;
    }
}
