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

    public SiteVisits(RoutingTrace trace, int site, IReadOnlyList<int> tokens, int[] gpuOf, Cluster cluster)
    {
        _nodeOf = [.. cluster.Devices.Select(d => d.Node)];
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
    public long Gpus { get; private set; }

    /// <summary>Visits of nodes.</summary>
    public long Nodes { get; private set; }

    public void Move(int expert, int from, int to)
    {
        foreach (var t in _tokensOf[expert])
        {
            if (--_onGpu[t, from] == 0)
                Gpus--;
            if (--_onNode[t, _nodeOf[from]] == 0)
                Nodes--;
            Enter(t, to);
        }
    }

    void Enter(int token, int gpu)
    {
        if (_onGpu[token, gpu]++ == 0)
            Gpus++;
        if (_onNode[token, _nodeOf[gpu]]++ == 0)
            Nodes++;
    }
}
