using OnnxMoe.Trainer.Tests.Ops.Cases;

namespace OnnxMoe.Trainer.Tests.Ops;

/// <summary>All generated cases, by operator.</summary>
internal static class OpCases
{
    private const int Seeds = 3;

    public static readonly ILookup<string, OpCase> ByOp = Generate().ToLookup(c => c.Op);

    private static IEnumerable<OpCase> Generate()
    {
        for (var seed = 1; seed <= Seeds; seed++)
        {
            var draw = new Draw(seed);
            foreach (var op in ElementCases.All(draw).Concat(ReductionCases.All(draw)).Concat(ShapeCases.All(draw)).Concat(IndexCases.All(draw)).Concat(NeuralCases.All(draw)).Concat(QuantizationCases.All(draw)))
                yield return op;
        }
    }
}
