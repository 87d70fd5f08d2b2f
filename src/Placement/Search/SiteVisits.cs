using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Placement.Search;

/// <summary>Which GPUs and nodes the tokens visit in one layer or iteration, kept up to date; several experts of a token on a GPU are one visit.</summary>
sealed class SiteVisits
{
    readonly int[][] _tokensOf;
    readonly ushort[,] _onGpu;
    readonly ushort[,] _onNode;
    readonly int[] _nodeOf;
    readonly long[] _visits;

    public SiteVisits(RoutingTrace trace, int site, IReadOnlyList<int> tokens, int[] gpuOf, Cluster cluster)
    {
        _nodeOf = [.. cluster.Devices.Select(d => d.Node)];
        _visits = new long[_nodeOf.Length];
        (_onGpu, _onNode) = (new ushort[tokens.Count, _nodeOf.Length], new ushort[tokens.Count, cluster.Nodes]);
        var tokensOf = gpuOf.Select(_ => new List<int>()).ToArray();
        for (var t = 0; t < tokens.Count; t++)
        {
            foreach (var expert in trace.Ids(site, tokens[t]))
            {
                if (expert < 0)
                    continue;
                tokensOf[expert].Add(t);
                Enter(t, gpuOf[expert]);
            }
        }
        _tokensOf = [.. tokensOf.Select(list => list.ToArray())];
    }

    /// <summary>Visits of GPUs.</summary>
    public long Gpus => _visits.Sum();

    /// <summary>Visits of nodes.</summary>
    public long Nodes { get; private set; }

    /// <summary>Tokens between the busiest pair of GPUs, homes being spread evenly: dispatch to one and combine from the other, at the price of their link.</summary>
    public double Busiest(double[,] price)
    {
        var (busiest, gpus) = (0.0, _visits.Length);
        for (var a = 0; a < gpus; a++)
        {
            for (var b = 0; b < gpus; b++)
                busiest = Math.Max(busiest, (_visits[a] + _visits[b]) * price[a, b] / gpus);
        }
        return busiest;
    }

    public void Move(int expert, int from, int to)
    {
        foreach (var t in _tokensOf[expert])
        {
            if (--_onGpu[t, from] == 0)
                _visits[from]--;
            if (--_onNode[t, _nodeOf[from]] == 0)
                Nodes--;
            Enter(t, to);
        }
    }

    void Enter(int token, int gpu)
    {
        if (_onGpu[token, gpu]++ == 0)
            _visits[gpu]++;
        if (_onNode[token, _nodeOf[gpu]]++ == 0)
            Nodes++;
    }
}
