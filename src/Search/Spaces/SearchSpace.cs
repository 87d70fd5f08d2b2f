using System.Numerics;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Search.Spaces;

/// <summary>
/// The architectures that a supernet holds, as data: an ordered list of genes, each with its choices. Genes may exist only up to a depth or under a
/// condition; a gene that does not matter always has choice 0, so that an architecture is written in one way only.
/// </summary>
public sealed class SearchSpace
{
    private readonly Place[] _places;
    private readonly Dictionary<string, (GeneGroup Group, int First)> _groups = [];

    /// <exception cref="UserError">Names the group and the rule that it breaks.</exception>
    public SearchSpace(string name, IReadOnlyList<GeneGroup> groups)
    {
        (Name, Groups) = (name, groups);
        Require(groups.Count > 0, "has no genes");
        var places = new List<Place>();
        foreach (var group in groups)
        {
            Require(group.Name.Length > 0, "has genes without a name");
            Require(group.Count > 0, $"has {group.Count} genes '{group.Name}'; there must be one or more");
            Require(group.Choices.Count > 0 && group.Choices.Distinct().Count() == group.Choices.Count, $"gives the gene '{group.Name}' no choice, or one twice");
            for (var i = 0; i < group.Count; i++)
                places.Add(new(group, i, Depth(group, i), Condition(group, i)));
            Require(_groups.TryAdd(group.Name, (group, places.Count - group.Count)), $"has two groups of genes '{group.Name}'");
        }
        _places = [.. places];
    }

    public string Name { get; }

    public IReadOnlyList<GeneGroup> Groups { get; }

    /// <summary>Genes of an architecture.</summary>
    public int Length => _places.Length;

    /// <summary>Choices of each gene, in order.</summary>
    public IReadOnlyList<int> Choices => [.. _places.Select(place => place.Group.Choices.Count)];

    /// <summary>Different architectures.</summary>
    public BigInteger Size => Count(new int[Length], [.. Enumerable.Range(0, Length)]);

    /// <summary>The group of that name, and the number of its first gene.</summary>
    /// <exception cref="UserError">There is none.</exception>
    public (GeneGroup Group, int First) Find(string name) => _groups.TryGetValue(name, out var found) ? found
        : throw new UserError($"The search space '{Name}' has no gene '{name}'; it has {string.Join(", ", _groups.Keys)}.");

    /// <summary>True when gene number <paramref name="gene"/> matters in an architecture whose earlier genes are given.</summary>
    public bool IsActive(ReadOnlySpan<int> genes, int gene)
    {
        var place = _places[gene];
        if (place.Depth is { } depth && (!IsActive(genes, depth.Gene) || depth.Position >= _places[depth.Gene].Group.Number(genes[depth.Gene])))
            return false;
        return place.Condition is not { } condition || (IsActive(genes, condition.Gene) && condition.Values[genes[condition.Gene]]);
    }

    /// <summary>The architecture with those choices; of genes that do not matter any will do.</summary>
    /// <exception cref="UserError">The number of genes or a choice is not the space's.</exception>
    public Architecture Of(params ReadOnlySpan<int> genes)
    {
        Require(genes.Length == Length, $"has {Length} genes, not {genes.Length}");
        var canonical = genes.ToArray();
        for (var i = 0; i < Length; i++)
        {
            Require(canonical[i] >= 0 && canonical[i] < _places[i].Group.Choices.Count, $"has no choice {canonical[i]} of gene {i} ('{_places[i].Group.Name}'); there are {_places[i].Group.Choices.Count}");
            if (!IsActive(canonical, i))
                canonical[i] = 0;
        }
        return new(this, canonical);
    }

    /// <summary>Each gene drawn uniformly.</summary>
    public Architecture Random(Random random)
    {
        var genes = new int[Length];
        for (var i = 0; i < Length; i++)
            genes[i] = random.Next(_places[i].Group.Choices.Count);
        return Of(genes);
    }

    /// <summary>The last choice of every gene, by custom the largest.</summary>
    public Architecture Largest => Of([.. _places.Select(place => place.Group.Choices.Count - 1)]);

    /// <summary>The first choice of every gene, by custom the smallest.</summary>
    public Architecture Smallest => Of(new int[Length]);

    /// <summary>Every architecture once, in the order of their genes.</summary>
    public IEnumerable<Architecture> All()
    {
        var genes = new int[Length];
        while (true)
        {
            yield return new(this, [.. genes]);
            var last = Length - 1;
            while (last >= 0 && (!IsActive(genes, last) || genes[last] == _places[last].Group.Choices.Count - 1))
                genes[last--] = 0;
            if (last < 0)
                yield break;
            genes[last]++;
        }
    }

    /// <summary>
    /// Ways to choose some genes, the others being given. Genes that do not depend on each other are counted apart, so that a gene on which others depend is gone
    /// through once for those others, not for all combinations of them.
    /// </summary>
    /// <param name="genes">The choices; 0 for those that are counted.</param>
    /// <param name="open">Those that are counted, ascending.</param>
    private BigInteger Count(int[] genes, IReadOnlyList<int> open)
    {
        var product = BigInteger.One;
        foreach (var part in Connected(open))
        {
            // What the first one depends on is given.
            var (first, rest) = (part[0], part[1..]);
            var choices = IsActive(genes, first) ? _places[first].Group.Choices.Count : 1;
            var sum = BigInteger.Zero;
            for (genes[first] = 0; genes[first] < choices; genes[first]++)
                sum += rest.Length == 0 ? 1 : Count(genes, rest);
            genes[first] = 0;
            product *= sum;
        }
        return product;
    }

    /// <summary>Genes in groups of those that depend on each other, be it by way of others among them.</summary>
    private IEnumerable<int[]> Connected(IReadOnlyList<int> open)
    {
        var group = new Dictionary<int, int>();
        foreach (var gene in open)
        {
            group[gene] = gene;
            foreach (var other in new[] { _places[gene].Depth?.Gene, _places[gene].Condition?.Gene })
                if (other is { } earlier && group.TryGetValue(earlier, out var theirs) && theirs != group[gene])
                    foreach (var member in group.Where(pair => pair.Value == theirs).Select(pair => pair.Key).ToArray())
                        group[member] = group[gene];
        }
        return open.GroupBy(gene => group[gene]).Select(part => part.ToArray());
    }

    private DepthRule? Depth(GeneGroup group, int place)
    {
        if (group.Depth is null)
            return null;
        var (depth, first) = Earlier(group, group.Depth);
        Require(group.Count % depth.Count == 0, $"has {group.Count} genes '{group.Name}', which {depth.Count} genes '{depth.Name}' cannot share evenly");
        var share = group.Count / depth.Count;
        for (var choice = 0; choice < depth.Choices.Count; choice++)
            Require(depth.Number(choice) >= 0 && depth.Number(choice) <= share, $"lets '{depth.Name}' be {depth.Choices[choice]}, but {share} genes '{group.Name}' belong to it");
        return new(first + (place / share), place % share);
    }

    private ConditionRule? Condition(GeneGroup group, int place)
    {
        if (group.When is not { } when)
            return null;
        var (other, first) = Earlier(group, when.Gene);
        Require(other.Count == 1 || other.Count == group.Count, $"has {group.Count} genes '{group.Name}' that depend on {other.Count} '{other.Name}'; there must be as many, or one");
        foreach (var value in when.Is)
            Require(other.Choices.Contains(value), $"makes '{group.Name}' depend on '{other.Name}' being {value}, which it cannot be");
        return new(first + (other.Count == 1 ? 0 : place), [.. other.Choices.Select(when.Is.Contains)]);
    }

    private (GeneGroup Group, int First) Earlier(GeneGroup group, string other) => _groups.TryGetValue(other, out var found) ? found
        : throw new UserError($"The search space '{Name}' makes '{group.Name}' depend on '{other}', which is not among the genes before it.");

    private void Require(bool rule, string broken)
    {
        if (!rule)
            throw new UserError($"The search space '{Name}' {broken}.");
    }

    private sealed record Place(GeneGroup Group, int Index, DepthRule? Depth, ConditionRule? Condition);

    /// <summary>The place exists when the number that gene <paramref name="Gene"/> chose is above <paramref name="Position"/>.</summary>
    private sealed record DepthRule(int Gene, int Position);

    /// <summary>The place matters when the choice of gene <paramref name="Gene"/> is one of those marked.</summary>
    private sealed record ConditionRule(int Gene, bool[] Values);
}
