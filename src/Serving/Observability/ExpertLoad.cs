using OnnxMoe.Artifacts.Routing;

namespace OnnxMoe.Serving.Observability;

/// <summary>How many tokens each expert has met since the start. One thread adds, any may read.</summary>
public sealed class ExpertLoad
{
    private readonly long[][] _tokens; // [site][expert]

    /// <param name="sites">Where the model routes.</param>
    /// <param name="experts">How many experts a layer has; where that is not known its numbers tell.</param>
    public ExpertLoad(IReadOnlyList<RoutingSite> sites, IReadOnlyDictionary<int, int> experts) =>
        (Sites, _tokens) = (sites, [.. sites.Select(site => new long[experts.GetValueOrDefault(site.Layer)])]);

    /// <summary>Where the model routes, in the order in which a token meets them.</summary>
    public IReadOnlyList<RoutingSite> Sites { get; }

    /// <summary>The tokens that each expert of a site has met.</summary>
    public IReadOnlyList<long> Tokens(int site)
    {
        var counts = Volatile.Read(ref _tokens[site]);
        return [.. Enumerable.Range(0, counts.Length).Select(expert => Interlocked.Read(ref counts[expert]))];
    }

    /// <summary>Mean over largest load of the experts, averaged over the sites: 1 when all get equally much; null before the first token.</summary>
    public double? Balance()
    {
        double[] balances = [.. Enumerable.Range(0, Sites.Count).Select(Tokens).Where(counts => counts.Any(count => count > 0)).Select(counts => counts.Average() / counts.Max())];
        return balances.Length == 0 ? null : balances.Average();
    }

    /// <summary>Adds experts that tokens met at a site; -1 is none.</summary>
    public void Add(int site, ReadOnlySpan<long> experts)
    {
        var counts = _tokens[site];
        foreach (var expert in experts)
        {
            if (expert < 0)
                continue;
            if (expert >= counts.Length)
            {
                Array.Resize(ref counts, (int)expert + 1);
                Volatile.Write(ref _tokens[site], counts);
            }
            Interlocked.Increment(ref counts[expert]);
        }
    }
}
