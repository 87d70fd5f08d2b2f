using OnnxMoe.Search.Fronts;

namespace OnnxMoe.Search.Evolution;

/// <summary>
/// By front, and in the front that does not fit as a whole by reference directions that few survivors are near (Deb and Jain 2014, NSGA-III); parents compete
/// by rank and distance where they share a direction (Seada and Deb 2016, U-NSGA-III).
/// </summary>
internal sealed class ReferenceSelection : Selection
{
    private const double Tiny = 1e-12;

    private readonly double[][] _directions;

    /// <param name="objectives">M, 2 or more.</param>
    /// <param name="population">As many directions as fit below it (Das and Dennis 1998).</param>
    /// <param name="random">Of the ties.</param>
    public ReferenceSelection(int objectives, int population, Random random) : base(random)
    {
        var steps = 1;
        while (Grid(objectives, steps + 1).Count() <= population)
            steps++;
        _directions = [.. Grid(objectives, steps)];
    }

    /// <summary>All points of the unit simplex whose coordinates are multiples of 1 / <paramref name="steps"/>.</summary>
    public static IEnumerable<double[]> Grid(int objectives, int steps)
    {
        return Rest(objectives, steps).Select(parts => parts.Select(part => (double)part / steps).ToArray());

        static IEnumerable<int[]> Rest(int places, int left) => places == 1 ? [[left]]
            : Enumerable.Range(0, left + 1).SelectMany(part => Rest(places - 1, left - part).Select(rest => (int[])[part, .. rest]));
    }

    protected override IEnumerable<Ranked> Fill(IReadOnlyList<Ranked> survivors, IReadOnlyList<Measured> front, int rank, int room)
    {
        var points = survivors.Select(ranked => ranked.Member.Objectives).Concat(front.Select(member => member.Objectives)).ToArray();
        var normalized = Normalized(points);
        var taken = new int[_directions.Length];
        for (var i = 0; i < survivors.Count; i++)
            taken[Nearest(normalized[i]).Niche]++;
        List<Ranked> candidates = [.. front.Select((member, i) =>
        {
            var (niche, distance) = Nearest(normalized[survivors.Count + i]);
            return new Ranked(member, rank, -distance, niche);
        })];
        if (candidates.Count <= room)
            return candidates;
        var chosen = new List<Ranked>();
        while (chosen.Count < room)
        {
            var fewest = candidates.Min(candidate => taken[candidate.Niche]);
            var niches = candidates.Where(candidate => taken[candidate.Niche] == fewest).Select(candidate => candidate.Niche).Distinct().Order().ToArray();
            var niche = niches[Random.Next(niches.Length)];
            var near = candidates.Where(candidate => candidate.Niche == niche).ToArray();
            var next = fewest == 0 ? near.MaxBy(candidate => candidate.Worth)! : near[Random.Next(near.Length)];
            chosen.Add(next);
            candidates.Remove(next);
            taken[niche]++;
        }
        return chosen;
    }

    protected override Ranked SameRank(Ranked a, Ranked b) => a.Niche == b.Niche && a.Worth != b.Worth ? (a.Worth > b.Worth ? a : b) : Random.Next(2) == 0 ? a : b;

    /// <summary>Shifted to the ideal point and divided by the intercepts of the plane through the extreme points, or by the worst values where there is none.</summary>
    private static double[][] Normalized(double[][] points)
    {
        var dimensions = points[0].Length;
        double[] ideal = [.. Enumerable.Range(0, dimensions).Select(m => points.Min(point => point[m]))];
        double[][] shifted = [.. points.Select(point => point.Select((value, m) => value - ideal[m]).ToArray())];
        double[] scale = Intercepts(shifted) ?? [.. Enumerable.Range(0, dimensions).Select(m => shifted.Max(point => point[m]))];
        return [.. shifted.Select(point => point.Select((value, m) => value / Math.Max(scale[m], Tiny)).ToArray())];
    }

    private static double[]? Intercepts(double[][] shifted)
    {
        var dimensions = shifted[0].Length;
        var extremes = MathNet.Numerics.LinearAlgebra.Matrix<double>.Build.Dense(dimensions, dimensions);
        for (var axis = 0; axis < dimensions; axis++)
            extremes.SetRow(axis, shifted.MinBy(point => point.Select((value, m) => m == axis ? value : value / 1e-6).Max())!);
        if (Math.Abs(extremes.Determinant()) < Tiny)
            return null;
        var plane = extremes.Solve(MathNet.Numerics.LinearAlgebra.Vector<double>.Build.Dense(dimensions, 1.0));
        double[] intercepts = [.. plane.Select(coefficient => 1 / coefficient)];
        return intercepts.All(intercept => double.IsFinite(intercept) && intercept > Tiny) ? intercepts : null;
    }

    /// <summary>The direction whose line through the origin is nearest, and how far it is.</summary>
    private (int Niche, double Distance) Nearest(double[] point) => _directions.Select((direction, niche) =>
    {
        var length = Math.Sqrt(direction.Sum(part => part * part));
        var along = direction.Zip(point).Sum(pair => pair.First * pair.Second) / length;
        return (Niche: niche, Distance: Math.Sqrt(direction.Zip(point).Sum(pair => Math.Pow(pair.Second - (along * pair.First / length), 2))));
    }).MinBy(near => near.Distance);
}
