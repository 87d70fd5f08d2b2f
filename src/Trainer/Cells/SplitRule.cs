using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Supernets;

namespace OnnxMoe.Trainer.Cells;

/// <summary>Chooses the edge and the groups of a split (Hu et al. 2022, GM-NAS, arXiv 2203.15207; Zhao et al. 2021, few-shot NAS, arXiv 2006.06863).</summary>
/// <param name="options">The section Supernet:Split.</param>
/// <param name="nodes">Of a cell.</param>
/// <param name="operations">Of an edge.</param>
public sealed class SplitRule(SplitOptions options, int nodes, IReadOnlyList<string> operations)
{
    /// <param name="allowed">Operations that each edge may use [edges][operations].</param>
    /// <param name="distances">Distances of the operations of an edge; asked of unsplit edges, where gradients decide.</param>
    /// <param name="random">Of random choices.</param>
    /// <exception cref="UserError">No edge can be split.</exception>
    public SplitChoice Choose(IReadOnlyList<bool[]> allowed, Func<int, double[,]> distances, Random random)
    {
        int[] open = [.. Enumerable.Range(0, allowed.Count).Where(edge => allowed[edge].All(may => may))];
        var choice = options.By == "gradient" ? ByDistance(allowed, open, distances) : AtRandom(allowed, open, random);
        return choice ?? throw new UserError($"Supernet:Split:At asks for a split of a sub-supernet in which no edge can be split into {options.ChildrenOf(operations.Count)} groups that all leave a network; ask for fewer splits.");
    }

    private SplitChoice? ByDistance(IReadOnlyList<bool[]> allowed, int[] open, Func<int, double[,]> distances)
    {
        var measured = new double[allowed.Count][,];
        foreach (var edge in open)
            measured[edge] = distances(edge);
        (int Edge, int[] GroupOf)[] best = [.. open.Select(edge => (edge, GraphPartition.Best(measured[edge]!, options.Groups, groupOf => LeavesNetworks(allowed, edge, groupOf))!)).Where(one => one.Item2 is not null)];
        if (best.Length == 0)
            return null;
        var (chosen, groups) = options.Edge == "across" ? best.MaxBy(one => GraphPartition.Across(measured[one.Edge]!, one.GroupOf)) : best.MinBy(one => GraphPartition.Within(measured[one.Edge]!, one.GroupOf));
        return new(chosen, groups, measured);
    }

    private SplitChoice? AtRandom(IReadOnlyList<bool[]> allowed, int[] open, Random random)
    {
        foreach (var edge in open.OrderBy(_ => random.Next()).ToArray())
        {
            IEnumerable<int[]> partitions = options.By == "exhaustive" ? [[.. Enumerable.Range(0, operations.Count)]] : GraphPartition.All(operations.Count, options.Groups);
            int[][] possible = [.. partitions.Where(groupOf => LeavesNetworks(allowed, edge, groupOf))];
            if (possible.Length > 0)
                return new(edge, possible[random.Next(possible.Length)], new double[allowed.Count][,]);
        }
        return null;
    }

    /// <summary>True when every group has a network whose input reaches its output.</summary>
    private bool LeavesNetworks(IReadOnlyList<bool[]> allowed, int edge, int[] groupOf) => groupOf.Distinct().All(group =>
        CellGraph.IsConnected(nodes, [.. allowed.Select((row, e) => operations.Where((_, op) => row[op] && (e != edge || groupOf[op] == group)).FirstOrDefault(name => name != EdgeOp.None) ?? EdgeOp.None)]));
}
