using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Conversions;

namespace OnnxMoe.Trainer.Tests.Conversions;

public class ExpertMasksTests
{
    private const int Layers = 2, Domains = 3, Units = 20;

    [Theory]
    [InlineData(0.5, 9)] // floor(0.5 * 20) - 1: strictly above the 10th largest
    [InlineData(0.29, 4)]
    [InlineData(1, 19)]
    public void KeepsOneUnitLessThanTheKeepRateSays(double rate, int kept)
    {
        var importance = Importance(1);
        var masks = ExpertMasks.Of(importance, ExpertMasks.UnitsAt(rate, Units));
        Assert.Equal(kept, masks.Kept);
        for (var layer = 0; layer < Layers; layer++)
            for (var expert = 0; expert < Domains; expert++)
            {
                var threshold = importance[layer][expert].OrderDescending().ElementAt((int)(rate * Units) - 1);
                Assert.Equal(Enumerable.Range(0, Units).Where(unit => importance[layer][expert][unit] > threshold), masks.Of(layer, expert));
            }
    }

    [Fact]
    public void AnExpertIsThePermanentPartAndItsOwn()
    {
        var masks = ExpertMasks.Of(Importance(2), 12);
        for (var layer = 0; layer < Layers; layer++)
        {
            var permanent = masks.Permanent(layer);
            Assert.Equal(Enumerable.Range(0, Domains).Select(expert => masks.Of(layer, expert).AsEnumerable()).Aggregate((a, b) => a.Intersect(b)), permanent);
            for (var expert = 0; expert < Domains; expert++)
            {
                Assert.Empty(permanent.Intersect(masks.Own(layer, expert)));
                Assert.Equal(masks.Of(layer, expert), permanent.Concat(masks.Own(layer, expert)).Order());
            }
        }
    }

    [Fact]
    public void UnitsThatTieGoByIndexSoThatAllExpertsAreOfOneSize()
    {
        float[][] layer = [new float[Units], [.. Enumerable.Range(0, Units).Select(unit => unit % 2f)]]; // all equal, and every second one
        var masks = ExpertMasks.Of([layer], 5);
        Assert.Equal([0, 1, 2, 3, 4], masks.Of(0, 0));
        Assert.Equal([1, 3, 5, 7, 9], masks.Of(0, 1));
    }

    [Fact]
    public void RandomMasksAreOfTheSameSizeAndDependOnTheSeed()
    {
        var masks = ExpertMasks.Random(Layers, Domains, Units, 9, seed: 1);
        Assert.Equal(9, masks.Kept);
        Assert.Equal(masks.Of(1, 2), ExpertMasks.Random(Layers, Domains, Units, 9, seed: 1).Of(1, 2));
        Assert.NotEqual(masks.Of(1, 2), ExpertMasks.Random(Layers, Domains, Units, 9, seed: 2).Of(1, 2));
    }

    [Fact]
    public void AKeepRateThatKeepsNothingIsAnError() =>
        Assert.Contains("Start:Extraction:KeepRate is 0.09", Assert.Throws<UserError>(() => ExpertMasks.UnitsAt(0.09, Units)).Message);

    [Fact]
    public void DomainsThatUseTheSameUnitsAreAnError()
    {
        var same = Importance(3)[0][0];
        var masks = ExpertMasks.Of([[same, same]], 9);
        Assert.Contains("one and the same", Assert.Throws<UserError>(masks.RequireOwnParts).Message);
        ExpertMasks.Of(Importance(3), 9).RequireOwnParts();
    }

    private static float[][][] Importance(int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, Layers).Select(_ => Enumerable.Range(0, Domains).Select(_ => Enumerable.Range(0, Units).Select(_ => random.NextSingle()).ToArray()).ToArray())];
    }
}
