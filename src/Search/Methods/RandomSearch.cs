using System.Numerics;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Search.Methods;

/// <summary>Measures architectures drawn at random, none twice.</summary>
public sealed class RandomSearch : SearchMethod
{
    public override void Run(SearchSpace space, int objectives, MeasurementLog log, int seed)
    {
        var random = new Random(seed);
        var most = BigInteger.Min(space.Size, log.Budget);
        while (log.All.Count < most)
            log.Measure(space.Random(random));
    }
}
