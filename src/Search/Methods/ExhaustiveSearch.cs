using OnnxMoe.Artifacts;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Search.Methods;

/// <summary>Measures every architecture, in the order of their genes: for small spaces.</summary>
public sealed class ExhaustiveSearch : SearchMethod
{
    public override void Run(SearchSpace space, int objectives, MeasurementLog log, int seed)
    {
        if (space.Size > log.Budget)
            throw new UserError($"Search:Method=all measures all {space.Size:N0} architectures of the space '{space.Name}', but Search:Budget is {log.Budget}.");
        log.Measure(space.All());
    }
}
