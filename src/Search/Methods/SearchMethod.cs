using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Search.Methods;

/// <summary>A way of spending a budget of measurements.</summary>
public abstract class SearchMethod
{
    /// <summary>Measures until the log's budget is spent, or nothing new is found.</summary>
    /// <param name="space">Where to search.</param>
    /// <param name="objectives">How many there are.</param>
    /// <param name="log">Measures; its whole content is the result.</param>
    /// <param name="seed">Of every draw.</param>
    public abstract void Run(SearchSpace space, int objectives, MeasurementLog log, int seed);
}
