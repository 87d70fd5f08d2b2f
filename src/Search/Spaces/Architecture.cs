using System.Globalization;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Search.Spaces;

/// <summary>One architecture of a search space. Two are equal when they mean the same network.</summary>
public sealed class Architecture : IEquatable<Architecture>
{
    private readonly int[] _genes;

    internal Architecture(SearchSpace space, int[] canonical) => (Space, _genes) = (space, canonical);

    public SearchSpace Space { get; }

    /// <summary>The choice of each gene; 0 where it does not matter.</summary>
    public ReadOnlySpan<int> Genes => _genes;

    /// <summary>The choices separated by commas: a key, and short enough to type.</summary>
    public string Key => string.Join(',', _genes);

    /// <summary>The architecture that a <see cref="Key"/> stands for.</summary>
    /// <exception cref="UserError">It is none of the space.</exception>
    public static Architecture Parse(SearchSpace space, string key)
    {
        var genes = key.Split(',').Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var gene) ? gene : -1).ToArray();
        return space.Of(genes);
    }

    /// <summary>What gene number <paramref name="index"/> of a group chose.</summary>
    /// <exception cref="UserError">The space has no such group.</exception>
    public string Word(string group, int index = 0)
    {
        var (found, first) = Space.Find(group);
        return found.Choices[_genes[first + index]];
    }

    /// <summary>The same as a number.</summary>
    /// <exception cref="UserError">The space has no such group, or it is no number.</exception>
    public double Number(string group, int index = 0)
    {
        var (found, first) = Space.Find(group);
        return found.Number(_genes[first + index]);
    }

    /// <summary>The same as a whole number.</summary>
    public int Whole(string group, int index = 0) => (int)Number(group, index);

    /// <summary>False for a gene of a place that does not exist, or whose condition does not hold.</summary>
    public bool Has(string group, int index = 0) => Space.IsActive(_genes, Space.Find(group).First + index);

    public bool Equals(Architecture? other) => other is not null && ReferenceEquals(Space, other.Space) && _genes.AsSpan().SequenceEqual(other._genes);

    public override bool Equals(object? other) => Equals(other as Architecture);

    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var gene in _genes)
            hash.Add(gene);
        return hash.ToHashCode();
    }

    /// <summary>Group by group: depth 2; width 16 32 -.</summary>
    public override string ToString() => string.Join("; ", Space.Groups.Where(group => Enumerable.Range(0, group.Count).Any(i => Has(group.Name, i))).Select(group =>
        $"{group.Name} {string.Join(' ', Enumerable.Range(0, group.Count).Select(i => Has(group.Name, i) ? Word(group.Name, i) : "-"))}"));
}
