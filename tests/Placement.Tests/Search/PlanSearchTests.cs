using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Placement.Clusters;
using OnnxMoe.Placement.Costs;
using OnnxMoe.Placement.Programs;
using OnnxMoe.Placement.Search;
using OnnxMoe.Placement.Solvers;
using OnnxMoe.Placement.Tests.Support;

namespace OnnxMoe.Placement.Tests.Search;

public sealed class PlanSearchTests
{
    static readonly string Engine = Engines.Choose("auto");

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void MeasuresFollowTheMoves(int seed)
    {
        var problem = Some.Problem(Some.Trace(3, 6, 2, 60, seed), Some.Cluster(2, nodes: 2));
        var state = new PlanState(problem, problem.Trace, problem.Tokens, new ContiguousSolver().Solve(problem, CancellationToken.None).Layers);
        var random = new Random(seed);
        for (var move = 0; move < 200; move++)
        {
            var (layer, expert) = (random.Next(3), random.Next(6));
            var others = state.Terms() - state.Near(layer);
            if (random.Next(2) == 0)
                state.Swap(layer, expert, random.Next(6));
            else
                state.Move(layer, expert, random.Next(4));
            AssertSame(new PlanState(problem, problem.Trace, problem.Tokens, state.Layers).Terms(), state.Terms());
            AssertSame(others, state.Terms() - state.Near(layer));
        }
    }

    [Fact]
    public void MeasuresAreThoseOfTheReport()
    {
        var problem = Some.Problem(Some.Granite, Some.Cluster(4, nodes: 2));
        var plan = new RandomSolver(3).Solve(problem, CancellationToken.None).Layers;
        var terms = new PlanState(problem, problem.Trace, problem.Tokens, plan).Terms();
        var measures = new PlanEvaluator(problem, problem.Trace, problem.Tokens).Measure(plan);
        Assert.Equal(measures.FlowBusiest, terms.Flow, 1e-6 * terms.Flow);
        Assert.Equal(measures.MaxOverMean * problem.Layers * problem.Statistics.Load[0].Sum() / problem.Gpus, terms.Balance, 1e-6 * terms.Balance);
        Assert.Equal(measures.HomeCopies, terms.Copies * 7 / 8 / problem.Layers / problem.Tokens.Count, 1e-9);
        Assert.Equal(measures.HomeBusiest, terms.Home, 1e-6 * terms.Home);
        Assert.Equal(measures.HomeNodeCopies, terms.Nodes / 2 / problem.Layers / problem.Tokens.Count, 1e-9);
    }

    [Theory]
    [InlineData("balance:1,flow:0.5,copies:0.5", 2, 5, 2, 1)]
    [InlineData("balance:1,remote:1,nodes:0.5", 2, 4, 3, 2)]
    [InlineData("flow:1", 3, 4, 2, 3)]
    [InlineData("balance:1,copies:2", 2, 5, 2, 4)]
    [InlineData("balance:1,home:1", 2, 4, 3, 5)]
    public void TheJointProgramIsBruteForce(string weights, int layers, int experts, int gpus, int seed)
    {
        var problem = Some.Problem(Some.Trace(layers, experts, 2, 40, seed), Some.Cluster(1, nodes: gpus, ratio: 2));
        var options = Options(weights);
        var objective = new WeightedObjective(problem, options);
        var best = BruteForce.Plans(problem).Min(plan => objective.Value(objective.State(plan).Terms()));

        var joint = new JointSolver(Engine, options).Solve(problem, CancellationToken.None);
        Assert.Equal(best, joint.Solves[0].Objective, 1e-5);
        Assert.Equal("optimal", joint.Solves[0].Status);
        var search = new SearchSolver(Engine, options).Solve(problem, CancellationToken.None);
        Assert.InRange(search.Solves[0].Objective, best - 1e-9, best * 1.1);
        Assert.True(search.Solves[0].Bound <= best + 1e-9);
        Assert.Equal(search.Solves[0].Objective, objective.Value(objective.State(search.Layers).Terms()), 1e-9);
    }

    [Fact]
    public void SearchTradesBalanceForTrafficAsTheWeightsSay()
    {
        var problem = Some.Problem(Some.Granite, Some.Cluster(4, nodes: 2));
        PlanTerms Found(string weights)
        {
            var options = Options(weights);
            (options.SearchSeconds, options.Gap, options.ClusteringSeconds, options.AssignmentSeconds) = (3, 0.025, 0.2, 2);
            return new PlanState(problem, problem.Trace, problem.Tokens, new SearchSolver(Engine, options).Solve(problem, CancellationToken.None).Layers).Terms();
        }
        var (balance, copies) = (Found("balance:1"), Found("copies:1"));
        Assert.True(balance.Balance < copies.Balance);
        Assert.True(copies.Copies < 0.9 * balance.Copies, $"{copies} {balance}");
    }

    [Fact]
    public void TimeIsThePredictedStep()
    {
        var cluster = new Cluster(new ClusterDescription("fast", [new ClusterNode(2) { Teraflops = 100 }, new ClusterNode(2) { Teraflops = 100 }], new ClusterLink(400)) { BetweenNodes = new ClusterLink(50) }, "test");
        var trace = Some.Trace(3, 8, 2, 200, 1);
        var problem = new PlacementProblem(Some.Problem(trace, cluster).Statistics, cluster, Some.Sizes(3) with { ExpertFlops = [200_000, 200_000, 200_000] }) { Trace = trace, Tokens = [.. Enumerable.Range(0, 200)] };
        var evaluator = new PlanEvaluator(problem, trace, problem.Tokens);
        var (contiguous, random) = (evaluator.Measure(new ContiguousSolver().Solve(problem, CancellationToken.None).Layers), evaluator.Measure(new RandomSolver(2).Solve(problem, CancellationToken.None).Layers));
        Assert.Equal(random.HomeSeconds / contiguous.HomeSeconds, PlanWeights.Parse("time", problem).Of(random, contiguous), 1e-9);
        Assert.Contains("teraflops", Assert.Throws<UserError>(() => PlanWeights.Parse("time", Some.Problem(trace, Some.Cluster(2)))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    public void ReplanningMovesNoMoreThanAllowedAndSmallInstancesAsWellAsCanBe(int experts)
    {
        using var folder = new TemporaryFolder();
        var trace = Some.Trace(2, 4, 2, 40, 5);
        var problem = new PlacementProblem(Some.Problem(trace, Some.Cluster(2)).Statistics, Some.Cluster(2), Some.Sizes(2, 1L << 30)) { Trace = trace, Tokens = [.. Enumerable.Range(0, 40)] };
        var running = new ContiguousSolver().Solve(problem, CancellationToken.None).Layers;
        new PlacementPlan(PlacementPlan.CurrentFormat, "contiguous", new("", "", "", "", 0, ""), [.. problem.Cluster.Devices.Select(d => new PlacedDevice(d.NodeName, 0, 0))], running).Save(folder["placement.json"]);
        var options = Options("balance:1,flow:0.3");
        (options.From, options.MoveGiB) = (folder["placement.json"], experts);
        int Moved(IReadOnlyList<PlacedLayer> plan) => plan.Zip(running, (a, b) => a.Homes().Zip(b.Homes(), (x, y) => x[0] == y[0] ? 0 : 1).Sum()).Sum();
        var objective = new WeightedObjective(problem, options);
        var best = BruteForce.Plans(problem).Where(plan => Moved(plan) <= experts).Min(plan => objective.Value(objective.State(plan).Terms()));

        var search = new SearchSolver(Engine, options).Solve(problem, CancellationToken.None);
        Assert.InRange(Moved(search.Layers), 0, experts);
        var joint = new JointSolver(Engine, options).Solve(problem, CancellationToken.None);
        Assert.InRange(Moved(joint.Layers), 0, experts);
        Assert.Equal(best, objective.Value(objective.State(joint.Layers).Terms()), 1e-5);
    }

    [Theory]
    [InlineData("balance")]
    [InlineData("balance:-1")]
    [InlineData("speed:1")]
    [InlineData("balance:0")]
    public void WeightsThatMakeNoSenseAreRefused(string text) => Assert.Contains("Place:Objective", Assert.Throws<UserError>(() => PlanWeights.Parse(text, Some.Problem(Some.Trace(1, 4, 1, 10, 1), Some.Cluster(2)))).Message, StringComparison.Ordinal);

    static PlaceOptions Options(string weights)
    {
        var options = Some.Options;
        (options.Objective, options.SearchSeconds, options.JointSeconds) = (weights, 5, 60);
        return options;
    }

    static void AssertSame(PlanTerms expected, PlanTerms actual)
    {
        Assert.Equal(expected.Balance, actual.Balance, 1e-6);
        Assert.Equal(expected.Flow, actual.Flow, 1e-6);
        Assert.Equal(expected.Remote, actual.Remote, 1e-6);
        Assert.Equal(expected.Home, actual.Home, 1e-6);
        Assert.Equal((expected.Copies, expected.Nodes), (actual.Copies, actual.Nodes));
    }
}
