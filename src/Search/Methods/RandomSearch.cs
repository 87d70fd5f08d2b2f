using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Search.Methods;

/// <summary>Measures architectures drawn at random, none twice.</summary>
public sealed class RandomSearch : SearchMethod
{
    public override void Run(SearchSpace space, int objectives, MeasurementLog log, int seed)
    {
        var random = new Random(seed);
        while (log.All.Count < space.Size && log.MeasureRandom(space, random))
        {
        }
    }
}
