using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Serving.Tests.Support;

namespace OnnxMoe.Serving.Tests.ExpertParallel;

public sealed class FailoverTests
{
    [Fact]
    public void LostExpertsGoToTheDeviceWithTheFewest()
    {
        var plan = MoeModel.Plan(3, 0, 1) with { Layers = [new(0, 8, [[0, 1, 2], [3, 4], [5, 6, 7, 0]]), new(2, 8, [[0, 1], [2, 3, 4, 5], [6, 7]])] };
        var left = plan.Without(new HashSet<int> { 1 });
        // 3 goes to device 0, which has three; then both have four here and six in all, so 4 goes to the first.
        Assert.Equal([[0, 1, 2, 3, 4], [], [5, 6, 7, 0]], left.Layers[0].Devices);
        Assert.Equal([[0, 1, 3, 5], [], [6, 7, 2, 4]], left.Layers[1].Devices);
    }

    [Theory]
    [InlineData(2, 0, 1)]
    [InlineData(4, 5, 2)]
    [InlineData(8, 9, 3)]
    public void EveryExpertStaysSomewhereAndNothingElseMoves(int devices, int copies, int seed)
    {
        var plan = MoeModel.Plan(devices, copies, seed);
        Assert.Same(plan, plan.Without(new HashSet<int>()));
        var lost = new HashSet<int>();
        foreach (var device in Enumerable.Range(1, devices - 1))
        {
            lost.Add(device);
            foreach (var (before, after) in plan.Layers.Zip(plan.Without(lost).Layers))
            {
                Assert.All(after.Copies(), count => Assert.True(count > 0));
                Assert.All(lost, gone => Assert.Empty(after.Devices[gone]));
                for (var other = 0; other < devices; other++)
                    if (!lost.Contains(other))
                        Assert.Equal(before.Devices[other], after.Devices[other].Take(before.Devices[other].Count));
                Assert.Equal(before.Experts, after.Devices.SelectMany(experts => experts).Distinct().Count());
            }
        }
        Assert.Throws<ArgumentException>(() => plan.Without(Enumerable.Range(0, devices).ToHashSet()));
    }
}
