using OnnxMoe.Serving.Experts;

namespace OnnxMoe.Serving.Tests.Experts;

public sealed class PrefetcherTests
{
    /// <summary>One expert takes a second to come; a layer takes two seconds and one for each token.</summary>
    private static readonly StepCost Cost = new(Layers: 3, ExpertBytes: 100, LayerSeconds: 2, TokenSeconds: 1) { Bandwidth = 100 };

    [Fact]
    public void OnDemandTransferAndComputationAddUp() =>
        Assert.Equal(3 * (2 + 3), new Prefetcher(Cost).Seconds(tokens: 1, missing: 2, ahead: false));

    [Fact]
    public void AheadALayersExpertsComeWhileTheOneBeforeIsComputed()
    {
        var prefetcher = new Prefetcher(Cost);
        Assert.Equal([new(0, 2, 2, 5), new(2, 4, 5, 8), new(5, 7, 8, 11)], prefetcher.Plan(tokens: 1, missing: 2, ahead: true));
        Assert.Equal([new(0, 5, 5, 8), new(5, 10, 10, 13), new(10, 15, 15, 18)], prefetcher.Plan(tokens: 1, missing: 5, ahead: true));
    }

    [Fact]
    public void APlanNeverComputesBeforeTheExpertsAreThereNorLoadsTwoLayersAtOnce()
    {
        var random = new Random(1);
        for (var i = 0; i < 200; i++)
        {
            var prefetcher = new Prefetcher(Cost with { Layers = random.Next(1, 9), LayerSeconds = random.NextDouble() * 3 });
            var (tokens, missing) = (random.Next(1, 20), random.Next(0, 8));
            var plan = prefetcher.Plan(tokens, missing, ahead: true);
            Assert.All(plan, layer => Assert.True(layer.LoadStart <= layer.LoadEnd && layer.LoadEnd <= layer.ComputeStart && layer.ComputeStart < layer.ComputeEnd));
            Assert.All(plan.Zip(plan.Skip(1)), pair => Assert.True(
                pair.Second.LoadStart >= pair.First.LoadEnd && pair.Second.LoadStart >= pair.First.ComputeStart && pair.Second.ComputeStart >= pair.First.ComputeEnd));
            var (ahead, onDemand) = (prefetcher.Seconds(tokens, missing, true), prefetcher.Seconds(tokens, missing, false));
            Assert.True(ahead <= onDemand + 1e-9);
            Assert.True(missing > 0 || ahead == onDemand);
        }
    }

    [Fact]
    public void TheDefaultBandwidthIsThatOfPcie4() => Assert.Equal(0.004, new StepCost(1, 100_000_000, 0, 0).LoadSeconds, 1e-12);
}
