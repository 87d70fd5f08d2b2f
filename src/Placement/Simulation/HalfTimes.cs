namespace OnnxMoe.Placement.Simulation;

/// <summary>One timeline of a GPU's work in a layer, and its bounds.</summary>
/// <param name="Seconds">From the start to the end.</param>
/// <param name="Compute">Work of the computing blocks over their number: no schedule of this half is faster.</param>
/// <param name="Communication">The busiest port's transfers over its width: nor than this.</param>
/// <param name="Critical">The longest chain of dependent tasks: nor than this.</param>
/// <param name="Serial">All tasks one after the other.</param>
/// <param name="Overlap">Seconds in which the ports transfer while blocks compute, summed over ports; 0: nothing is hidden.</param>
/// <param name="Bytes">Bytes over links.</param>
public sealed record HalfTimes(double Seconds, double Compute, double Communication, double Critical, double Serial, double Overlap, long Bytes);
