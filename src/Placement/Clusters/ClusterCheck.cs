using OnnxMoe.Artifacts;

namespace OnnxMoe.Placement.Clusters;

/// <summary>The rules of a cluster description.</summary>
static class ClusterCheck
{
    public static void Passed(ClusterDescription cluster, string where)
    {
        if (cluster.Nodes.Count == 0)
            throw new UserError($"{where} has no nodes; list at least one with its number of gpus.");
        for (var n = 0; n < cluster.Nodes.Count; n++)
        {
            var node = cluster.Nodes[n];
            if (node.Gpus < 1)
                throw new UserError($"{where}: node {n} has {node.Gpus} gpus; at least 1 is right.");
            if (node.Count < 1)
                throw new UserError($"{where}: node {n} has the count {node.Count}; at least 1 is right.");
            if (node.ReservedGiB < 0 || node.ReservedGiB > 0 && node.ReservedGiB >= node.MemoryGiB)
                throw new UserError($"{where}: node {n} has {node.ReservedGiB} reservedGiB of {node.MemoryGiB} memoryGiB; it must be at least 0 and less than the memory.");
            if (node.Blocks < 0 || !(node.MemoryGigabytesPerSecond >= 0) || !(node.BlockGigabytesPerSecond >= 0))
                throw new UserError($"{where}: node {n} has negative blocks, memoryGigabytesPerSecond or blockGigabytesPerSecond; leave a number out when it is not known.");
            if (node.MemoryGiB < 0 || node.Teraflops < 0)
                throw new UserError($"{where}: node {n} has a negative memoryGiB or teraflops; leave a number out when it is not known.");
        }
        CheckLink(cluster.WithinNode, "withinNode", where);
        if (cluster.BetweenNodes is { } between)
            CheckLink(between, "betweenNodes", where);
        else if (cluster.Machines.Count() > 1)
            throw new UserError($"{where} has {cluster.Machines.Count()} nodes but no \"betweenNodes\": {{\"gigabytesPerSecond\": ...}}.");
        if (!(cluster.NodeGigabytesPerSecond >= 0))
            throw new UserError($"{where}: nodeGigabytesPerSecond is {cluster.NodeGigabytesPerSecond}; it must be above 0, or left out where each GPU has a port of its own.");
        if (cluster.Bandwidth is { } matrix)
            CheckMatrix(matrix, cluster.Machines.Sum(n => n.Gpus), cluster.Symmetric, where);
    }

    static void CheckLink(ClusterLink link, string name, string where)
    {
        if (!(link.GigabytesPerSecond > 0) || !(link.Microseconds >= 0))
            throw new UserError($"{where}: {name} needs gigabytesPerSecond above 0 and microseconds of at least 0, not {link.GigabytesPerSecond} and {link.Microseconds}.");
        if (link.PortGigabytesPerSecond != 0 && !(link.PortGigabytesPerSecond >= link.GigabytesPerSecond))
            throw new UserError($"{where}: {name} has a portGigabytesPerSecond of {link.PortGigabytesPerSecond}, less than the {link.GigabytesPerSecond} of a single pair; leave it out, or give what a GPU exchanges with all others together.");
    }

    static void CheckMatrix(IReadOnlyList<IReadOnlyList<double>> matrix, int gpus, bool symmetric, string where)
    {
        if (matrix.Count != gpus || matrix.Any(row => row.Count != gpus))
            throw new UserError($"{where}: bandwidth must be {gpus} x {gpus}, one row and one column for each GPU.");
        for (var a = 0; a < gpus; a++)
        {
            for (var b = 0; b < gpus; b++)
            {
                if (a != b && !(matrix[a][b] > 0))
                    throw new UserError($"{where}: bandwidth[{a}][{b}] is {matrix[a][b]}; it must be above 0.");
                if (symmetric && matrix[a][b] != matrix[b][a])
                    throw new UserError($"{where}: bandwidth[{a}][{b}] is {matrix[a][b]} but bandwidth[{b}][{a}] is {matrix[b][a]}; make them equal or say \"symmetric\": false.");
            }
        }
    }
}
