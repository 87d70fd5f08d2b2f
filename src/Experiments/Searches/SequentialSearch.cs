using OnnxMoe.Search.Fronts;
using OnnxMoe.Search.Methods;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Experiments.Searches;

/// <summary>
/// Sizes first, precision then: half of the budget searches the sizes without quantization, the front's members are quantized to 8 bits throughout, and what is
/// left searches the precision of their layers.
/// </summary>
/// <param name="method">Of both searches.</param>
internal sealed class SequentialSearch(SearchMethod method) : SearchMethod
{
    public override void Run(SearchSpace space, int objectives, MeasurementLog log, int seed)
    {
        SubSpace.Sizes(space).Search(method, log.Budget / 2, log, objectives, seed);
        var front = new ParetoArchive();
        foreach (var measured in log.All)
            front.Add(measured);
        Architecture[] networks = [.. front.Members.Select(member => member.Architecture)];
        foreach (var network in networks)
            log.Measure(InEightBits(network));
        SubSpace.Precisions(space, networks).Search(method, log.Budget - log.All.Count, log, objectives, seed);
    }

    /// <summary>The same sizes, every layer with symmetric ranges of 8 bits.</summary>
    public static Architecture InEightBits(Architecture network) => network.Space.Of([.. network.Space.Groups.SelectMany(group => Enumerable.Range(0, group.Count).Select(i =>
        group.Choices.ToList().IndexOf("8") is >= 0 and var eight && group.Name.EndsWith("_bits", StringComparison.Ordinal) ? eight
        : group.Choices.ToList().IndexOf("symmetric") is >= 0 and var symmetric ? symmetric
        : network.Genes[network.Space.Find(group.Name).First + i]))]);
}
