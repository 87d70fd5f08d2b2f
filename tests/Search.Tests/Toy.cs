using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Search.Tests;

/// <summary>A space of 6,561 architectures whose objectives are known: a loss that falls with the widths, some more than others, and their sum.</summary>
internal static class Toy
{
    private static readonly double[] Gains = [5, 1, 3, 0.5, 2, 0.2, 4, 1.5];

    public static SearchSpace Space { get; } = new("toy", [new("width", 8, ["1", "2", "3"])]);

    public static double[] Objectives(Architecture architecture)
    {
        var loss = 10.0;
        var cost = 1.0;
        for (var i = 0; i < Gains.Length; i++)
        {
            loss += Gains[i] / architecture.Number("width", i);
            cost += architecture.Number("width", i) * (1 + (i % 3));
        }
        return [loss + (architecture.Number("width", 0) * architecture.Number("width", 6) * 0.1), cost];
    }
}
