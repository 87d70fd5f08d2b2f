namespace OnnxMoe.Trainer.Cells;

/// <summary>What the operations of a cell's edges connect.</summary>
public static class CellGraph
{
    /// <summary>True when the input reaches the output.</summary>
    /// <param name="nodes">Input and output among them.</param>
    /// <param name="ops">The operation of each edge, by end, then by beginning.</param>
    public static bool IsConnected(int nodes, IReadOnlyList<string> ops)
    {
        var reached = new bool[nodes];
        reached[0] = true;
        var edge = 0;
        for (var end = 1; end < nodes; end++)
            for (var begin = 0; begin < end; begin++, edge++)
                reached[end] |= reached[begin] && ops[edge] != EdgeOp.None;
        return reached[^1];
    }
}
