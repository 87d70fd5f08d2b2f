using OnnxMoe.Artifacts;
using OnnxMoe.Placement.Mappings;

namespace OnnxMoe.Placement.Tests.Mappings;

public sealed class ParallelGridTests
{
    static readonly GridAxis[] OfAttention = [GridAxis.Tp, GridAxis.Cp, GridAxis.Dp, GridAxis.Pp];
    static readonly GridAxis[] OfExperts = [GridAxis.Tp, GridAxis.Ep, GridAxis.Dp, GridAxis.Pp];

    [Fact]
    public void TheGroupsAreThoseOfMegatronCore()
    {
        var grid = ParallelGrid.Folded(16, tp: 2, cp: 2, pp: 1, ep: 8, etp: 1);
        Groups(grid.AttentionGroups(GridAxis.Tp), "0,1 2,3 4,5 6,7 8,9 10,11 12,13 14,15");
        Groups(grid.AttentionGroups(GridAxis.Cp), "0,2 1,3 4,6 5,7 8,10 9,11 12,14 13,15");
        Groups(grid.AttentionGroups(GridAxis.Dp), "0,4,8,12 1,5,9,13 2,6,10,14 3,7,11,15");
        Groups(grid.ExpertGroups(GridAxis.Ep), "0,1,2,3,4,5,6,7 8,9,10,11,12,13,14,15");
        Groups(grid.ExpertGroups(GridAxis.Dp), "0,8 1,9 2,10 3,11 4,12 5,13 6,14 7,15");
    }

    [Fact]
    public void SlicedExpertsTakeNeighbouringRanks()
    {
        var grid = ParallelGrid.Folded(16, tp: 2, cp: 2, pp: 1, ep: 4, etp: 2);
        Groups(grid.ExpertGroups(GridAxis.Tp), "0,1 2,3 4,5 6,7 8,9 10,11 12,13 14,15");
        Groups(grid.ExpertGroups(GridAxis.Ep), "0,2,4,6 1,3,5,7 8,10,12,14 9,11,13,15");
        Assert.Equal(2, grid.Edp);
    }

    [Fact]
    public void BothGridsHaveTheSamePipelines()
    {
        var grid = ParallelGrid.Folded(16, tp: 2, cp: 1, pp: 2, ep: 8, etp: 1);
        Groups(grid.AttentionGroups(GridAxis.Pp), "0,8 1,9 2,10 3,11 4,12 5,13 6,14 7,15");
        Groups(grid.ExpertGroups(GridAxis.Pp), "0,8 1,9 2,10 3,11 4,12 5,13 6,14 7,15");
    }

    [Fact]
    public void WithoutFoldingExpertParallelismStepsOverContextAndTensorRanks()
    {
        var grid = ParallelGrid.Unfolded(16, tp: 2, cp: 2, pp: 1, ep: 4);
        Groups(grid.ExpertGroups(GridAxis.Ep), "0,4,8,12 1,5,9,13 2,6,10,14 3,7,11,15");
        Groups(grid.ExpertGroups(GridAxis.Dp), "0,2 1,3 4,6 5,7 8,10 9,11 12,14 13,15"); // context ranks hold the same experts
        Assert.Contains("EP must divide it, but EP is 8 and DP 4", Assert.Throws<UserError>(() => ParallelGrid.Unfolded(16, 2, 2, 1, 8)).Message);
    }

    [Theory]
    [InlineData(8, 8)]
    [InlineData(64, 8)]
    public void ContextAndExpertParallelismOfEightNeedSixtyFourRanksOnlyWithoutFolding(int ranks, int degree)
    {
        Assert.Equal(ranks / degree, ParallelGrid.Folded(ranks, 1, degree, 1, degree, 1).Edp);
        if (ranks < degree * degree)
            Assert.Contains($"use {degree * degree} ranks", Assert.Throws<UserError>(() => ParallelGrid.Unfolded(ranks, 1, degree, 1, degree)).Message);
        else
            Assert.Equal(degree, ParallelGrid.Unfolded(ranks, 1, degree, 1, degree).Ep);
    }

    [Fact]
    public void FoldingReachesEightTimesTheExpertParallelism()
    {
        const int ranks = 4 * 2 * 8 * 4;
        Assert.Equal(8, ParallelGrid.Unfolded(ranks, 4, 2, 4, 8).Dp);
        Assert.Throws<UserError>(() => ParallelGrid.Unfolded(ranks, 4, 2, 4, 16));
        Assert.Equal(1, ParallelGrid.Folded(ranks, 4, 2, 4, 64, 1).Edp);
    }

    [Fact]
    public void EveryLegalGridPartitionsTheRanksAndAxesMeetInOneRank()
    {
        var grids = 0;
        foreach (var order in new[] { RankGrid.DefaultOrder, "tp-ep-cp-dp-pp", "cp-tp-ep-dp-pp" })
        {
            foreach (var ranks in order == RankGrid.DefaultOrder ? new[] { 1, 2, 4, 8, 12, 16 } : [6, 8])
            {
                foreach (var (tp, cp, pp, ep, etp) in Degrees(ranks))
                {
                    Check(ParallelGrid.Folded(ranks, tp, cp, pp, ep, etp, order));
                    grids++;
                    if (etp == tp && ranks / (tp * cp * pp) % ep == 0)
                        Check(ParallelGrid.Unfolded(ranks, tp, cp, pp, ep, order));
                }
            }
        }
        Assert.True(grids > 500);
        static void Check(ParallelGrid grid)
        {
            Assert.Equal(grid.Ranks, grid.Tp * grid.Cp * grid.Dp * grid.Pp);
            Assert.Equal(grid.Ranks, grid.Etp * grid.Ep * grid.Edp * grid.Pp);
            CheckAxes(grid, OfAttention, axis => grid.AttentionGroups(axis));
            CheckAxes(grid, OfExperts, grid.ExpertGroups);
            Assert.Equal(Sorted(grid.AttentionGroups(GridAxis.Pp)), Sorted(grid.ExpertGroups(GridAxis.Pp)));
        }
    }

    static void CheckAxes(ParallelGrid grid, GridAxis[] axes, Func<GridAxis, IReadOnlyList<IReadOnlyList<int>>> groups)
    {
        foreach (var axis in axes)
        {
            Assert.Equal(Enumerable.Range(0, grid.Ranks), groups(axis).SelectMany(group => group).Order());
            Assert.Single(groups(axis).Select(group => group.Count).Distinct());
        }
        // Two groups of different axes meet in one rank at most when no two ranks are in the same two groups.
        var groupOf = axes.Select(axis => groups(axis).SelectMany((group, g) => group.Select(rank => (rank, g))).OrderBy(pair => pair.rank).Select(pair => pair.g).ToArray()).ToArray();
        for (var a = 0; a < axes.Length; a++)
        {
            for (var b = 0; b < a; b++)
                Assert.Equal(grid.Ranks, groupOf[a].Zip(groupOf[b]).Distinct().Count());
        }
    }

    [Fact]
    public void ARankIsTheSumOfItsIndicesTimesTheStrides()
    {
        var grid = ParallelGrid.Folded(24, 2, 3, 2, 6, 1).Attention;
        for (var rank = 0; rank < 24; rank++)
            Assert.Equal(rank, grid.Index(rank, GridAxis.Tp) + 2 * grid.Index(rank, GridAxis.Cp) + 6 * grid.Index(rank, GridAxis.Dp) + 12 * grid.Index(rank, GridAxis.Pp));
    }

    [Fact]
    public void WithoutAnEtpTheExpertsAreSlicedLikeAttention() => Assert.Equal(4, ParallelGrid.Folded(16, 4, 1, 1, 2).Etp);

    [Fact]
    public void AnOrderWithoutPipelineLastNeedsEqualDataParallelism()
    {
        const string order = "tp-cp-ep-pp-dp";
        Assert.Equal(4, ParallelGrid.Folded(16, 2, 1, 2, 1, 2, order).Edp);
        Assert.Contains("EDP must equal DP", Assert.Throws<UserError>(() => ParallelGrid.Folded(16, 2, 1, 2, 4, 1, order)).Message);
    }

    [Fact]
    public void TheSameDegreesInAnotherOrderCanHaveOtherPipelines()
    {
        // pp is the fastest but one: EDP = DP, yet TP 2 and ETP 1 put the stages 2 and 1 ranks apart.
        Assert.Contains("pipeline groups of the two grids", Assert.Throws<UserError>(() => ParallelGrid.Folded(16, 2, 1, 2, 2, 1, "tp-pp-cp-ep-dp")).Message);
    }

    [Theory]
    [InlineData("tp-cp-ep-dp")]
    [InlineData("tp-cp-ep-dp-dp")]
    [InlineData("tp-cp-ep-dp-xp")]
    [InlineData("0-1-2-3-4")]
    [InlineData("")]
    public void AnOrderNamesEveryAxisOnce(string order) => Assert.Contains("once each", Assert.Throws<UserError>(() => RankGrid.ParseOrder(order)).Message);

    [Theory]
    [InlineData(16, 3, 1, 1, 1, 1, "cannot be divided by TP x CP x PP")]
    [InlineData(16, 2, 1, 1, 3, 1, "cannot be divided by ETP x EP x PP")]
    [InlineData(16, 1, 1, 1, 32, 1, "cannot be divided by ETP x EP x PP")]
    [InlineData(16, 0, 1, 1, 1, 1, "TP is 0")]
    public void DegreesMustDivideTheRanks(int ranks, int tp, int cp, int pp, int ep, int etp, string expected) =>
        Assert.Contains(expected, Assert.Throws<UserError>(() => ParallelGrid.Folded(ranks, tp, cp, pp, ep, etp)).Message);

    static IEnumerable<(int Tp, int Cp, int Pp, int Ep, int Etp)> Degrees(int ranks) =>
        from pp in Divisors(ranks)
        from tp in Divisors(ranks / pp)
        from cp in Divisors(ranks / pp / tp)
        from ep in Divisors(ranks / pp)
        from etp in Divisors(ranks / pp / ep)
        select (tp, cp, pp, ep, etp);

    static IEnumerable<int> Divisors(int of) => Enumerable.Range(1, of).Where(d => of % d == 0);

    static void Groups(IReadOnlyList<IReadOnlyList<int>> groups, string expected) => Assert.Equal(expected, string.Join(' ', groups.Select(group => string.Join(',', group))));

    static IEnumerable<string> Sorted(IReadOnlyList<IReadOnlyList<int>> groups) => groups.Select(group => string.Join(',', group)).Order(StringComparer.Ordinal);
}
