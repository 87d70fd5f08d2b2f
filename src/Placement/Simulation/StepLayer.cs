namespace OnnxMoe.Placement.Simulation;

/// <summary>One pass of a layer in the mean over the simulated steps.</summary>
/// <param name="Layer">Number of the layer in the model.</param>
/// <param name="Iteration">Which pass.</param>
/// <param name="Slowest">Seconds of the slowest GPU, for which all others wait.</param>
/// <param name="Mean">Seconds of a GPU in the mean.</param>
/// <param name="Exposed">Seconds in which the slowest GPU does not compute.</param>
public sealed record StepLayer(int Layer, int Iteration, double Slowest, double Mean, double Exposed)
{
    /// <summary>How much longer the slowest GPU takes than one in the mean; 1 is perfect.</summary>
    public double Tail => Slowest / Mean;
}
