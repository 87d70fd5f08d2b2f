using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Programs;
using OnnxMoe.Placement.Sharding;

namespace OnnxMoe.Placement.Tests.Sharding;

public sealed class CopyProgramTests
{
    /// <summary>The program against every placement of copies there is, and the heuristic never beats it.</summary>
    [Theory]
    [InlineData(3, 1, 1)]
    [InlineData(3, 2, 2)]
    [InlineData(4, 2, 1)]
    public void TheProgramFindsWhatTryingEverythingFinds(int experts, int overlap, int copies)
    {
        var (random, cluster) = (new Random(8), SomeShards.Cluster(1, 3));
        var program = new CopyProgram(Engines.Choose("auto"), 1, 1, TimeSpan.FromSeconds(20));
        for (var round = 0; round < 4; round++)
        {
            var owned = SomeShards.Owned(random, experts, 3);
            long[] counts = [.. SomeShards.Load(random, experts).Select(load => (long)load)];
            var found = program.Solve(owned, counts, overlap, copies);
            Assert.Equal("optimal", found.Status);
            Assert.Equal(owned.Devices.Max(held => held.Sum(e => counts[e])), program.Solve(owned, counts, overlap, copies, placed: owned).Objective);
            Assert.Equal(Tried(owned, counts, overlap, copies), found.Objective);
            var load = counts.Select(count => (double)count).ToArray();
            var placed = SparseMaterialization.Plan(owned, load, overlap, copies, cluster);
            var flows = new ReplicaDispatch(placed, cluster).Flows(load);
            var split = program.Solve(owned, counts, overlap, copies, placed);
            Assert.True(split.Objective >= found.Objective);
            Assert.Equal(found.Objective, program.Solve(owned, counts, overlap, copies, start: split).Objective);
            Assert.True(Enumerable.Range(0, 3).Max(to => Enumerable.Range(0, 3).Sum(from => flows[from, to])) >= found.Objective - 1 + 1e-9); // fractions of tokens
        }
    }

    /// <summary>All sets of further copies; of each the best split, which by Hall's theorem the worst set of experts decides.</summary>
    static long Tried(PlacedLayer owned, long[] counts, int overlap, int copies)
    {
        var (owners, experts) = (ExpertShards.Owners(owned), counts.Length);
        (int Device, int Expert)[] free = [.. Enumerable.Range(0, 3 * experts).Select(i => (Device: i % 3, Expert: i / 3)).Where(pair => owners[pair.Expert] != pair.Device)];
        var best = long.MaxValue;
        for (var set = 0; set < 1 << free.Length; set++)
        {
            var chosen = free.Where((_, i) => (set >> i & 1) == 1).ToArray();
            if (chosen.GroupBy(c => c.Device).Any(d => d.Count() > copies) || chosen.Select(c => c.Expert).Distinct().Count() > overlap)
                continue;
            var homes = ExpertShards.With(owned, chosen).Homes();
            long worst = 0;
            for (var subset = 1; subset < 1 << experts; subset++)
            {
                var members = Enumerable.Range(0, experts).Where(e => (subset >> e & 1) == 1).ToArray();
                var (tokens, devices) = (members.Sum(e => counts[e]), members.SelectMany(e => homes[e]).Distinct().Count());
                worst = Math.Max(worst, (tokens + devices - 1) / devices);
            }
            best = Math.Min(best, worst);
        }
        return best;
    }
}
