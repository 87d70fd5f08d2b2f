using OnnxMoe.Search.Fronts;

namespace OnnxMoe.Supernets;

/// <summary>What a search found.</summary>
/// <param name="All">Everything measured, in order.</param>
/// <param name="Front">What none of it dominates, in the order of the first objective.</param>
/// <param name="Reference">The worst of each objective that was measured: hypervolumes are of what lies below it.</param>
/// <param name="Hypervolume">After each measurement, as a share of the last.</param>
internal sealed record SearchResult(IReadOnlyList<Measured> All, IReadOnlyList<Measured> Front, double[] Reference, IReadOnlyList<double> Hypervolume)
{
    public static SearchResult Of(IReadOnlyList<Measured> all, IReadOnlyList<Objective> objectives)
    {
        double[] reference = [.. Enumerable.Range(0, objectives.Count).Select(i => all.Max(measured => measured.Objectives[i]))];
        var archive = new ParetoArchive();
        var volumes = new List<double>();
        foreach (var measured in all)
            volumes.Add(archive.Add(measured) || volumes.Count == 0 ? archive.Hypervolume(reference) : volumes[^1]);
        var last = volumes[^1];
        return new(all, archive.Members, reference, [.. volumes.Select(volume => last == 0 ? 1 : volume / last)]);
    }
}
