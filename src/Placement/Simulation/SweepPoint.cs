namespace OnnxMoe.Placement.Simulation;

/// <summary>What a number of communicating blocks gives, on the slowest GPU.</summary>
/// <param name="Blocks">n_c.</param>
/// <param name="Dispatch">Seconds of the first half.</param>
/// <param name="Combine">Seconds of the second half with its best column block.</param>
/// <param name="ColumnBlock">That column block.</param>
public sealed record SweepPoint(int Blocks, double Dispatch, double Combine, int ColumnBlock);
