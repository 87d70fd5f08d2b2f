namespace OnnxMoe.Placement.Search;

/// <summary>Counts what a plan moves away from a running one, and keeps it within a limit.</summary>
/// <param name="running">GPU of each expert in the running plan [L][E].</param>
/// <param name="expertBytes">Bytes of an expert, per layer; 0 where unknown.</param>
/// <param name="limit">Most bytes that may be elsewhere than in the running plan.</param>
public sealed class MovedBytes(IReadOnlyList<IReadOnlyList<int>> running, IReadOnlyList<long> expertBytes, long limit)
{
    /// <summary>Bytes of the experts that are elsewhere now.</summary>
    public long Bytes { get; private set; }

    /// <summary>The experts that are.</summary>
    public int Experts { get; private set; }

    /// <summary>Whether the limit holds after these moves.</summary>
    public bool Allows(ReadOnlySpan<(int Layer, int Expert, int Gpu)> moves, PlanState state)
    {
        var after = Bytes;
        foreach (var (layer, expert, gpu) in moves)
            after += Away(layer, expert, gpu) - Away(layer, expert, state.GpuOf[layer][expert]);
        return after <= limit || after < Bytes;
    }

    /// <summary>An expert moves.</summary>
    public void Move(int layer, int expert, int from, int to)
    {
        Bytes += Away(layer, expert, to) - Away(layer, expert, from);
        Experts += (running[layer][expert] == to ? 0 : 1) - (running[layer][expert] == from ? 0 : 1);
    }

    long Away(int layer, int expert, int gpu) => running[layer][expert] == gpu ? 0 : expertBytes[layer];
}
