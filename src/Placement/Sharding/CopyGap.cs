namespace OnnxMoe.Placement.Sharding;

/// <summary>Straggler factors of one layer in one iteration whose counts are known beforehand.</summary>
/// <param name="Iteration">Its number.</param>
/// <param name="Layer">Its number.</param>
/// <param name="Without">Without copies.</param>
/// <param name="Heuristic">With the copies of algorithm 1.</param>
/// <param name="Split">With those, when an expert's tokens are split among its copies at will.</param>
/// <param name="Best">With the best copies found, and tokens split among them at will.</param>
/// <param name="Bound">No copies do better.</param>
/// <param name="Status">Of the integer program: "optimal" or "stopped".</param>
public sealed record CopyGap(int Iteration, int Layer, double Without, double Heuristic, double Split, double Best, double Bound, string Status);
