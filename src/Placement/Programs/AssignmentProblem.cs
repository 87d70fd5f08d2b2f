using OnnxMoe.Placement.Clusters;

namespace OnnxMoe.Placement.Programs;

/// <summary>
/// MoETuner's second problem: clusters to GPUs, one to one in each layer, so that the busiest pair of GPUs between each two
/// neighbouring layers carries little. All numbers are whole.
/// </summary>
public sealed class AssignmentProblem
{
    readonly int[]? _kinds;

    /// <param name="sizes">Experts of each cluster [L][G]; where layers have experts of several sizes, in units of memory.</param>
    /// <param name="traffic">C: tokens from cluster c1 of layer l to cluster c2 of the next [L-1][G, G].</param>
    /// <param name="cluster">Bandwidths.</param>
    /// <param name="capacity">Most experts (or units) of all layers together that each GPU can hold [G].</param>
    /// <param name="kinds">Kind of each GPU [G]: cluster c, which was made for GPU c, may only go to GPUs of its kind; null: to all.</param>
    public AssignmentProblem(int[][] sizes, long[][,] traffic, Cluster cluster, long[] capacity, int[]? kinds = null)
    {
        (Sizes, Traffic, _kinds) = (sizes, traffic, kinds);
        Gpus = sizes[0].Length;
        Price = new long[Gpus, Gpus];
        var fastest = cluster.FastestBandwidth;
        // Relative prices of the links are whole in most clusters (9 : 1); where not, three digits are kept.
        Scale = cluster.Pairs().All(p => Math.Abs(fastest / cluster.Bandwidth(p.From, p.To) - Math.Round(fastest / cluster.Bandwidth(p.From, p.To))) < 1e-9) ? 1 : 1000;
        foreach (var (from, to) in cluster.Pairs())
            Price[from, to] = (long)Math.Round(Scale * fastest / cluster.Bandwidth(from, to));
        Memory = new MemoryRule(sizes.Sum(l => l.Sum(size => (long)size)), capacity, cluster.HasEqualMemory);
    }

    /// <summary>Experts of each cluster [L][G].</summary>
    public int[][] Sizes { get; }

    /// <summary>C: tokens between clusters of neighbouring layers.</summary>
    public long[][,] Traffic { get; }

    /// <summary>What a token costs from GPU to GPU: <see cref="Scale"/> on the fastest link, more on slower ones, 0 to itself.</summary>
    public long[,] Price { get; }

    /// <summary>Price of a token on the fastest link.</summary>
    public long Scale { get; }

    /// <summary>How many experts of all layers a GPU may hold.</summary>
    public MemoryRule Memory { get; }

    /// <summary>Number of GPUs, which is the number of clusters a layer.</summary>
    public int Gpus { get; }

    /// <summary>Number of layers.</summary>
    public int Layers => Sizes.Length;

    /// <summary>Whether all GPUs are alike, so that renaming them changes nothing.</summary>
    public bool Uniform => _kinds is null && Memory.Capacity.Distinct().Count() == 1
        && Enumerable.Range(0, Gpus * Gpus).Where(i => i / Gpus != i % Gpus).Select(i => Price[i / Gpus, i % Gpus]).Distinct().Count() <= 1;

    /// <summary>Cost of the busiest pair between layers l and l + 1.</summary>
    public long Busiest(int[][] gpuOf, int l)
    {
        long busiest = 0;
        for (var a = 0; a < Gpus; a++)
        {
            for (var b = 0; b < Gpus; b++)
                busiest = Math.Max(busiest, Traffic[l][a, b] * Price[gpuOf[l][a], gpuOf[l + 1][b]]);
        }
        return busiest;
    }

    /// <summary>O2 x <see cref="Scale"/>: the busiest pairs of all layers, summed.</summary>
    public long Objective(int[][] gpuOf) => Enumerable.Range(0, Layers - 1).Sum(l => Busiest(gpuOf, l));

    /// <summary>Experts of all layers on each GPU.</summary>
    public long[] Sums(int[][] gpuOf)
    {
        var sums = new long[Gpus];
        for (var l = 0; l < Layers; l++)
        {
            for (var c = 0; c < Gpus; c++)
                sums[gpuOf[l][c]] += Sizes[l][c];
        }
        return sums;
    }

    /// <summary>By how many experts the worst GPU misses the memory equation; 0 when it holds. Beyond its capacity a miss counts heavily.</summary>
    public long Slack(int[][] gpuOf) => Slack(Sums(gpuOf));

    /// <summary>The same from the experts on each GPU [G].</summary>
    public long Slack(long[] sums) => Memory.Slack(sums);

    /// <summary>Whether a cluster may be on a GPU, whatever the others do.</summary>
    public bool MayHold(int cluster, int gpu) => _kinds is null || _kinds[cluster] == _kinds[gpu];

    /// <summary>
    /// What no assignment can beat between layers l and l + 1: pairs of clusters can be on one GPU only one to one, so going
    /// down the list of traffic, the first pair that meets an already matched cluster must cross at least the fastest link.
    /// </summary>
    public long Bound(int l)
    {
        var cheapest = Enumerable.Range(0, Gpus * Gpus).Where(i => i / Gpus != i % Gpus).Select(i => Price[i / Gpus, i % Gpus]).DefaultIfEmpty(0).Min();
        var (rows, columns) = (new bool[Gpus], new bool[Gpus]);
        foreach (var i in Enumerable.Range(0, Gpus * Gpus).OrderByDescending(i => Traffic[l][i / Gpus, i % Gpus]))
        {
            if (rows[i / Gpus] || columns[i % Gpus])
                return Traffic[l][i / Gpus, i % Gpus] * cheapest;
            rows[i / Gpus] = columns[i % Gpus] = true;
        }
        return 0;
    }
}
