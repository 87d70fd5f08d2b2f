using OnnxMoe.Search.Methods;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Search.Tests;

public class SensitivityTests
{
    [Fact]
    public void TheTiltHasItsMeanAndIsSymmetric()
    {
        double[] bits = [2, 3, 4];
        for (var i = 0; i <= 20; i++)
        {
            var mean = 2 + (i / 10.0);
            var probabilities = Tilt.Of(bits, mean);
            Assert.Equal(1, probabilities.Sum(), 1e-12);
            Assert.Equal(mean, Tilt.Mean(bits, probabilities), 1e-9);
            Assert.All(probabilities.Zip(Tilt.Of(bits, 6 - mean).Reverse()), pair => Assert.Equal(pair.First, pair.Second, 1e-9));
        }
        Assert.All(Tilt.Of(bits, 3), p => Assert.Equal(1 / 3.0, p, 1e-9));
        Assert.Equal([1, 0, 0], Tilt.Of(bits, 2));
        Assert.Throws<ArgumentException>(() => Tilt.Of(bits, 4.1));
        Assert.Equal([0, 0, 1, 2], new[] { 0, 0.19, 0.2, 0.999 }.Select(random => Tilt.Draw([0.2, 0.3, 0.5], random)));
        Assert.Equal(0, Tilt.Draw([1, 0, 0], 0.999999));
    }

    [Fact]
    public void TheThirdThatMattersMostLosesItsFirstChoiceTheThirdThatMattersLeastItsLast()
    {
        var space = new SearchSpace("bits", [new("bits", 6, ["2", "3", "4"])]);
        double[] weight = [0.01, 5, 1, 4, 0.02, 1.1];
        using var log = new MeasurementLog(space, 150, architecture => [-weight.Select((w, gene) => w * architecture.Genes[gene]).Sum(), Enumerable.Range(0, 6).Sum(gene => architecture.Whole("bits", gene))]);
        new SensitivitySearch().Run(space, 2, log, 1);
        Assert.Equal(150, log.All.Count);
        Assert.Equal(150, log.All.Select(measured => measured.Architecture).Distinct().Count());
        var late = log.All.Skip(100).Select(measured => measured.Architecture.Genes.ToArray()).ToArray();
        Assert.All(late, genes => Assert.True(genes[1] > 0 && genes[3] > 0 && genes[0] < 2 && genes[4] < 2));
        Assert.Contains(late, genes => genes[2] == 0);
        Assert.Contains(late, genes => genes[5] == 2);
        var early = log.All.Take(100).Select(measured => measured.Objectives[1]).ToArray();
        Assert.Contains(early, bits => bits <= 13);
        Assert.Contains(early, bits => bits >= 23);
    }
}
