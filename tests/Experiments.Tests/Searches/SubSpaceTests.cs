using OnnxMoe.Experiments.Searches;
using OnnxMoe.Search.Evolution;
using OnnxMoe.Search.Methods;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Experiments.Tests.Searches;

public class SubSpaceTests
{
    private static readonly SearchSpace Space = QuantizedSupernet.DigitSpace;

    /// <summary>A cost that is the smaller the fewer bits, and a loss that is the larger: every trade is on the front.</summary>
    private static double[] Measure(Architecture architecture)
    {
        var genes = architecture.Genes.ToArray();
        return [-genes.Select((gene, i) => gene * Math.Sqrt(i + 1)).Sum(), genes.Sum()];
    }

    [Fact]
    public void TheSpaceIsCounted() =>
        Assert.Equal(Enumerable.Range(1, 7).Aggregate(System.Numerics.BigInteger.Zero, (sum, d) => sum + (3 * System.Numerics.BigInteger.Pow(3, d) * System.Numerics.BigInteger.Pow(5, (2 * d) + 2))), Space.Size);

    [Fact]
    public void SizesAreTheSubnetworksWithoutQuantization()
    {
        var sizes = SubSpace.Sizes(Space);
        Assert.Equal(9837, (int)sizes.Space.Size);
        var whole = sizes.Space.All().Select(sizes.ToWhole).ToArray();
        Assert.Equal(9837, whole.Distinct().Count());
        Assert.All(whole, architecture => Assert.True(architecture.Word("embedding_bits") == "32" && architecture.Word("up_bits") == "32" && architecture.Word("head_bits") == "32"));
    }

    [Fact]
    public void PrecisionsOfNetworksKeepTheirSizesAndReachEveryPolicyOnce()
    {
        Architecture[] networks = [Space.Of([.. Space.Smallest.Genes]), Space.Of([0, 1, 1, 2, .. new int[Space.Length - 4]])];
        var part = SubSpace.Precisions(Space, networks);
        // A layer: 32 bits, or 8 or 4 in either scheme.
        Assert.Equal(Math.Pow(5, 4) + Math.Pow(5, 6), (double)part.Space.Size);
        var random = new Random(1);
        var seen = new Dictionary<Architecture, Architecture>();
        for (var i = 0; i < 300; i++)
        {
            var architecture = part.Space.Random(random);
            var whole = part.ToWhole(architecture);
            Assert.Equal(networks[architecture.Whole("network")].Genes[..9].ToArray(), whole.Genes[..9].ToArray());
            if (!seen.TryAdd(whole, architecture))
                Assert.Equal(seen[whole], architecture);
        }
    }

    [Fact]
    public void ASequentialSearchSpendsItsBudgetOnSizesThenOnPrecisions()
    {
        using var log = new MeasurementLog(Space, 80, Measure);
        new SequentialSearch(new Linas(new EvolutionOptions { Population = 15 }, 100)).Run(Space, 2, log, 1);
        Assert.Equal(80, log.All.Count);
        static bool IsPlain(Architecture architecture) => architecture.Equals(SubSpace.Sizes(Space).ToWhole(SubSpace.Sizes(Space).Space.Of([.. architecture.Genes[..9]])));
        Assert.All(log.All.Take(40), measured => Assert.True(IsPlain(measured.Architecture)));
        Assert.True(log.All.Skip(40).Count(measured => !IsPlain(measured.Architecture)) > 20);
        var eight = log.All[40].Architecture;
        Assert.Equal(SequentialSearch.InEightBits(eight), eight);
        var sizes = log.All.Take(40).Select(measured => string.Join(',', measured.Architecture.Genes[..9].ToArray())).ToHashSet();
        Assert.All(log.All.Skip(40), measured => Assert.Contains(string.Join(',', measured.Architecture.Genes[..9].ToArray()), sizes));
    }
}
