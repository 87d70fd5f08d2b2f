using OnnxMoe.Artifacts;
using OnnxMoe.Search.Evolution;
using OnnxMoe.Search.Fronts;
using OnnxMoe.Search.Methods;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Search.Tests;

public class MethodTests
{
    private static readonly EvolutionOptions Options = new() { Population = 20 };

    public static TheoryData<string> Names => ["random", "evolution", "linas"];

    private static SearchMethod Method(string name) => name switch
    {
        "random" => new RandomSearch(),
        "evolution" => new EvolutionarySearch(Options),
        _ => new Linas(Options, inner: 400),
    };

    private static double Share(IReadOnlyList<Measured> found)
    {
        double[] reference = [28.2, 46.1];
        return Hypervolume.Of(found.Select(measured => measured.Objectives), reference) / Hypervolume.Of(Toy.Space.All().Select(Toy.Objectives), reference);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void TheBudgetIsKeptAndNothingIsMeasuredTwice(string name)
    {
        var calls = new List<Architecture>();
        using var log = new MeasurementLog(Toy.Space, 50, architecture =>
        {
            calls.Add(architecture);
            return Toy.Objectives(architecture);
        });
        Method(name).Run(Toy.Space, 2, log, seed: 1);
        Assert.Equal(50, calls.Count);
        Assert.Equal(50, calls.Distinct().Count());
        Assert.Equal(calls, log.All.Select(measured => measured.Architecture));
    }

    /// <summary>Few architectures are valid: a search measures those alone, and ends when there are no more.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void WhatIsNotValidIsNotMeasured(string name)
    {
        bool IsValid(Architecture architecture) => architecture.Genes[..6].IndexOfAnyExcept(1) < 0;
        using var log = new MeasurementLog(Toy.Space, 200, architecture => IsValid(architecture) ? Toy.Objectives(architecture) : throw new InvalidOperationException()) { IsValid = IsValid };
        Method(name).Run(Toy.Space, 2, log, seed: 1);
        Assert.InRange(log.All.Count, 1, 9);
        Assert.All(log.All, measured => Assert.True(IsValid(measured.Architecture)));
    }

    [Fact]
    public void AllOfASmallSpaceCanBeMeasured()
    {
        var space = new SearchSpace("small", [new("width", 2, ["1", "2", "3"])]);
        using var log = new MeasurementLog(space, 9, architecture => [architecture.Number("width", 0)]);
        new ExhaustiveSearch().Run(space, 1, log, seed: 1);
        Assert.Equal(space.All(), log.All.Select(measured => measured.Architecture));
        using var small = new MeasurementLog(space, 8, architecture => [1]);
        Assert.Contains("measures all 9 architectures of the space 'small', but Search:Budget is 8", Assert.Throws<UserError>(() => new ExhaustiveSearch().Run(space, 1, small, 1)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void AStoppedSearchGoesOnAsIfItHadNotBeen(string name)
    {
        using var whole = new MeasurementLog(Toy.Space, 60, Toy.Objectives);
        Method(name).Run(Toy.Space, 2, whole, seed: 2);
        var path = Path.GetTempFileName();
        var measured = 0;
        try
        {
            using (var first = new MeasurementLog(Toy.Space, 60, a => measured++ < 33 ? Toy.Objectives(a) : throw new OperationCanceledException(), path))
                Assert.Throws<OperationCanceledException>(() => Method(name).Run(Toy.Space, 2, first, seed: 2));
            File.AppendAllText(path, """{"genes":"0,1""");
            measured = 0;
            using (var second = new MeasurementLog(Toy.Space, 60, a => ++measured > 0 ? Toy.Objectives(a) : [], path))
            {
                Method(name).Run(Toy.Space, 2, second, seed: 2);
                Assert.Equal(whole.All.Select(m => m.Architecture.Key), second.All.Select(m => m.Architecture.Key));
            }
            Assert.Equal(27, measured);
            Assert.Equal(60, File.ReadAllLines(path).Length);
            File.WriteAllText(path, "{}\n{}\n");
            Assert.Contains("line 1 is no measurement", Assert.Throws<UserError>(() => new MeasurementLog(Toy.Space, 60, Toy.Objectives, path)).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void SmallSpacesAreSearchedWhole()
    {
        var space = new SearchSpace("small", [new("a", 3, ["1", "2", "3"])]);
        foreach (var name in new[] { "random", "linas" })
        {
            using var log = new MeasurementLog(space, 100, a => [a.Number("a"), -a.Number("a", 1) + a.Number("a", 2)]);
            Method(name).Run(space, 2, log, seed: 1);
            Assert.Equal(27, log.All.Count);
        }
    }

    [Fact]
    public void EvolutionNeverLosesHypervolume()
    {
        double[] reference = [28.2, 46.1];
        var best = 0.0;
        var parents = new List<Measured>();
        new GeneticSearch(Toy.Space, Options, 2, seed: 3).Run(400, architectures =>
        {
            parents.AddRange(architectures.Select(a => new Measured(a, Toy.Objectives(a))));
            var now = Hypervolume.Of(parents.Select(m => m.Objectives), reference);
            Assert.True(now >= best - 1e-9);
            best = now;
            return [.. architectures.Select(Toy.Objectives)];
        });
        var survivors = new GeneticSearch(Toy.Space, Options, 2, seed: 3).Run(400, architectures => [.. architectures.Select(Toy.Objectives)]);
        Assert.Equal(best, Hypervolume.Of(survivors.Select(m => m.Objectives), reference), 0.02 * best);
    }

    [Fact]
    public void LearningFindsMoreThanEvolutionAndThatMoreThanChance()
    {
        double Mean(string name) => Enumerable.Range(0, 6).Average(seed =>
        {
            using var log = new MeasurementLog(Toy.Space, 80, Toy.Objectives);
            Method(name).Run(Toy.Space, 2, log, seed);
            return Share(log.All);
        });
        var (random, evolution, linas) = (Mean("random"), Mean("evolution"), Mean("linas"));
        Assert.True(linas > evolution && evolution > random, $"{linas} {evolution} {random}");
        Assert.True(linas > 0.98, $"{linas}");
    }

    [Fact]
    public void ThreeObjectivesAreSearchedByDirections()
    {
        static double[] Three(Architecture a) => [.. Toy.Objectives(a), Enumerable.Range(0, 8).Sum(i => Math.Abs(a.Number("width", i) - 2))];
        using var log = new MeasurementLog(Toy.Space, 200, Three);
        new EvolutionarySearch(Options).Run(Toy.Space, 3, log, seed: 1);
        using var chance = new MeasurementLog(Toy.Space, 200, Three);
        new RandomSearch().Run(Toy.Space, 3, chance, seed: 1);
        double[] reference = [28.2, 46.1, 8.1];
        var (evolved, drawn) = (Hypervolume.Of(log.All.Select(m => m.Objectives), reference), Hypervolume.Of(chance.All.Select(m => m.Objectives), reference));
        Assert.True(evolved > drawn, $"{evolved} {drawn}");
    }

    [Fact]
    public void OneObjectiveFindsTheBest()
    {
        var best = Toy.Space.All().Min(a => Toy.Objectives(a)[0]);
        using var log = new MeasurementLog(Toy.Space, 400, a => Toy.Objectives(a)[..1]);
        new EvolutionarySearch(Options).Run(Toy.Space, 1, log, seed: 1);
        Assert.Equal(best, log.All.Min(m => m.Objectives[0]), 1e-9);
    }

    [Fact]
    public void MistakesAreNamed()
    {
        var space = new SearchSpace("small", [new("a", 1, ["1", "2", "3"])]);
        Assert.Contains("has only 3 architectures", Assert.Throws<UserError>(() => new GeneticSearch(space, Options, 2, 1)).Message, StringComparison.Ordinal);
        Assert.Contains("4 objectives; 1, 2 or 3", Assert.Throws<UserError>(() => new GeneticSearch(Toy.Space, Options, 4, 1)).Message, StringComparison.Ordinal);
        using var log = new MeasurementLog(Toy.Space, 10, Toy.Objectives);
        Assert.Contains("may measure 10 architectures, fewer than", Assert.Throws<UserError>(() => new Linas(Options, 100).Run(Toy.Space, 2, log, 1)).Message, StringComparison.Ordinal);
        using var broken = new MeasurementLog(Toy.Space, 10, _ => [double.NaN]);
        Assert.Contains("needs finite numbers", Assert.Throws<UserError>(() => broken.Measure(Toy.Space.Smallest)).Message, StringComparison.Ordinal);
    }
}
