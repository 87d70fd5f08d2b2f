using Google.OrTools.LinearSolver;

namespace OnnxMoe.Placement.Tests.OrTools;

/// <summary>What the planner relies on, of whichever Google.OrTools the lane has; CBC is in both.</summary>
public sealed class LinearSolverTests
{
    [Fact]
    public void AKnapsackIsSolved()
    {
        using var solver = Solver.CreateSolver("CBC");
        var (weights, values) = (new double[] { 3, 4, 5, 9, 14 }, new double[] { 3, 4, 4, 10, 15 });
        var taken = solver.MakeBoolVarArray(5, "take");
        solver.Add(taken.Select((v, i) => v * weights[i]).ToArray().Sum() <= 17);
        solver.Maximize(taken.Select((v, i) => v * values[i]).ToArray().Sum() + 100);
        Assert.Equal(Solver.ResultStatus.OPTIMAL, solver.Solve());
        Assert.Equal(118, solver.Objective().Value(), 6);
        Assert.True(solver.Objective().BestBound() >= 118 - 1e-6);
        Assert.Equal([1, 0, 0, 0, 1], taken.Select(v => Math.Round(v.SolutionValue())));
        Assert.True(solver.VerifySolution(1e-6, false));
    }

    [Fact]
    public void RowsAndBoundsThatContradictAreInfeasible()
    {
        using var solver = Solver.CreateSolver("CBC");
        var x = solver.MakeIntVar(0, 3, "x");
        var row = solver.MakeConstraint(4, 9, "row");
        row.SetCoefficient(x, 1);
        Assert.Equal(Solver.ResultStatus.INFEASIBLE, solver.Solve());
        x.SetUb(5);
        solver.Objective().SetCoefficient(x, -1);
        Assert.Equal(Solver.ResultStatus.OPTIMAL, solver.Solve());
        Assert.Equal(5, x.SolutionValue(), 6);
    }

    [Fact]
    public void ARelaxedProgramHasAFractionalAnswer()
    {
        using var solver = Solver.CreateSolver("CBC");
        var (x, y) = (solver.MakeNumVar(0, double.PositiveInfinity, "x"), solver.MakeNumVar(0, double.PositiveInfinity, "y"));
        solver.Add(x + 2 * y >= 3);
        solver.Add(2 * x + y >= 3.5);
        solver.Minimize(x + y);
        Assert.Equal(Solver.ResultStatus.OPTIMAL, solver.Solve());
        Assert.Equal(13 / 6.0, solver.Objective().Value(), 6);
    }

    [Fact]
    public void AHintIsTakenAndAnEqualityBetweenVariablesHolds()
    {
        using var solver = Solver.CreateSolver("CBC");
        var x = solver.MakeIntVarArray(3, 0, 10, "x");
        solver.Add(x[0] == x[1]);
        solver.Add(x[1] + 1 == x[2] + 0.0);
        solver.SetHint([.. x], [9, 9, 10]);
        solver.SetTimeLimit(5000);
        solver.Maximize(x[2] + x[0]);
        using var parameters = new MPSolverParameters();
        parameters.SetDoubleParam(MPSolverParameters.DoubleParam.RELATIVE_MIP_GAP, 0);
        Assert.Equal(Solver.ResultStatus.OPTIMAL, solver.Solve(parameters));
        Assert.Equal([9, 9, 10], x.Select(v => Math.Round(v.SolutionValue())));
    }

    [Fact]
    public void SolversOfSeveralThreadsDoNotDisturbEachOther()
    {
        var bad = new System.Collections.Concurrent.ConcurrentBag<string>();
        void Worker(int worker)
        {
            var random = new Random(worker);
            for (var round = 0; round < 40; round++)
            {
                using var solver = Solver.CreateSolver("CBC");
                var x = solver.MakeIntVarArray(8, 0, 1, "x");
                int[] weights = [.. x.Select(_ => random.Next(1, 50))];
                var sum = solver.MakeConstraint(weights.Sum() / 2, double.PositiveInfinity);
                foreach (var (variable, weight) in x.Zip(weights))
                {
                    sum.SetCoefficient(variable, weight);
                    solver.Objective().SetCoefficient(variable, weight);
                }
                solver.Objective().SetMinimization();
                solver.SetTimeLimit(60000);
                using var parameters = new MPSolverParameters();
                parameters.SetDoubleParam(MPSolverParameters.DoubleParam.RELATIVE_MIP_GAP, 0);
                var status = solver.Solve(parameters);
                var best = Enumerable.Range(0, 1 << x.Length).Select(set => weights.Where((_, i) => (set >> i & 1) == 1).Sum()).Where(total => total >= weights.Sum() / 2).Min();
                if (status != Solver.ResultStatus.OPTIMAL || Math.Abs(solver.Objective().Value() - best) > 1e-6 || Math.Abs(solver.Objective().BestBound() - best) > 1e-6)
                    bad.Add($"{status}, {solver.Objective().Value()}, bound {solver.Objective().BestBound()} instead of {best}");
            }
        }
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(worker => new Thread(() => Worker(worker)))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Empty(bad);
    }

    /// <summary>
    /// Wherever the limit strikes: a few milliseconds end CBC in each of its phases. It must not die (given a first answer itself, it
    /// did), gives the first answer at least, and claims no more than is true.
    /// </summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    [InlineData(5000)]
    public void ATimeLimitMayEndTheSearchAnywhere(int milliseconds)
    {
        var random = new Random(milliseconds);
        for (var round = 0; round < 200; round++)
        {
            using var solver = Solver.CreateSolver("CBC");
            var (items, machines) = (random.Next(4, 8), random.Next(3, 5));
            int[] weights = [.. Enumerable.Range(0, items).Select(_ => random.Next(1, 1001))];
            var busiest = Enumerable.Range(0, machines).Max(m => weights.Where((_, i) => i % machines == m).Sum());
            var longest = solver.MakeNumVar(weights.Max(), busiest, "longest");
            var at = solver.MakeIntVarMatrix(items, machines, 0, 1, "at");
            for (var i = 0; i < items; i++)
            {
                var once = solver.MakeConstraint(1, 1);
                for (var m = 0; m < machines; m++)
                    once.SetCoefficient(at[i, m], 1);
            }
            for (var m = 0; m < machines; m++)
            {
                var load = solver.MakeConstraint(0, double.PositiveInfinity);
                load.SetCoefficient(longest, 1);
                var most = solver.MakeConstraint(0, (items + machines - 1) / machines);
                for (var i = 0; i < items; i++)
                {
                    load.SetCoefficient(at[i, m], -weights[i]);
                    most.SetCoefficient(at[i, m], 1);
                }
            }
            double[] turns = [.. Enumerable.Range(0, items * machines).Select(v => v / machines % machines == v % machines ? 1.0 : 0)];
            solver.SetHint([longest, .. at.Cast<Variable>()], [busiest, .. turns]);
            solver.Minimize(longest);
            solver.SetTimeLimit(milliseconds);
            var status = solver.Solve();
            var best = Enumerable.Range(0, (int)Math.Pow(machines, items)).Select(plan => Loads(plan, weights, machines))
                .Where(load => load.All(l => l.Items <= (items + machines - 1) / machines)).Min(load => load.Max(l => l.Weight));
            Assert.True(solver.VerifySolution(1e-4, false));
            Assert.InRange(solver.Objective().Value(), best - 1e-4, busiest + 1e-4);
            Assert.True(solver.Objective().BestBound() <= best + 1e-4, $"{solver.Objective().BestBound()} bounds {best}");
            Assert.Contains(status, new[] { Solver.ResultStatus.OPTIMAL, Solver.ResultStatus.FEASIBLE });
            if (status == Solver.ResultStatus.OPTIMAL)
                Assert.Equal(best, solver.Objective().Value(), 1e-4 * best);
        }
    }

    /// <summary>A hint may leave whole variables out: what it says is completed, and a better answer still found.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(10_000)]
    public void AHintMayLeaveVariablesOut(int milliseconds)
    {
        using var solver = Solver.CreateSolver("CBC");
        var x = solver.MakeIntVarArray(3, 0, 10, "x");
        solver.Add(2 * x[0] + 3 * x[1] + 4 * x[2] >= 17);
        solver.SetHint([x[0]], [1]);
        solver.Minimize(3 * x[0] + 4 * x[1] + 6 * x[2]);
        solver.SetTimeLimit(milliseconds);
        var status = solver.Solve();
        if (milliseconds != 1) // a limit that may strike at any moment, or not
            Assert.Equal(Solver.ResultStatus.OPTIMAL, status);
        if (status is Solver.ResultStatus.OPTIMAL or Solver.ResultStatus.FEASIBLE)
        {
            Assert.True(solver.VerifySolution(1e-6, false));
            var best = (from a in Enumerable.Range(0, 11) from b in Enumerable.Range(0, 11) from c in Enumerable.Range(0, 11) where 2 * a + 3 * b + 4 * c >= 17 select 3 * a + 4 * b + 6 * c).Min();
            Assert.True(status == Solver.ResultStatus.FEASIBLE || Math.Abs(solver.Objective().Value() - best) < 1e-6);
        }
    }

    /// <summary>Items and weight on each machine, for an assignment written as a number of base <paramref name="machines"/>.</summary>
    static (int Items, int Weight)[] Loads(int plan, int[] weights, int machines)
    {
        var loads = new (int Items, int Weight)[machines];
        foreach (var weight in weights)
        {
            loads[plan % machines] = (loads[plan % machines].Items + 1, loads[plan % machines].Weight + weight);
            plan /= machines;
        }
        return loads;
    }

    [Fact]
    public void AnUnknownEngineIsNull() => Assert.Null(Solver.CreateSolver("NO_SUCH_ENGINE"));
}
