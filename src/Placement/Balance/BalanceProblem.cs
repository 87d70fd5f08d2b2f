namespace OnnxMoe.Placement.Balance;

/// <summary>
/// The experts of one layer, or copies of them, to be divided among GPUs so that the slowest GPU finishes early (minimise the
/// maximum). Copies of one expert share its work evenly and stand on different GPUs.
/// </summary>
public sealed class BalanceProblem
{
    BalanceProblem(double[] work, int[] expert, double[] speed, int fewest, int[] most)
    {
        (Work, Expert, Speed, Fewest, Most) = (work, expert, speed, fewest, most);
        Order = [.. Enumerable.Range(0, work.Length).OrderByDescending(i => work[i])];
        HasCopies = expert.Distinct().Count() < expert.Length;
    }

    /// <summary>Work of each item, in tokens [N].</summary>
    public double[] Work { get; }

    /// <summary>Expert of each item [N].</summary>
    public int[] Expert { get; }

    /// <summary>Speed of each GPU relative to the mean [G].</summary>
    public double[] Speed { get; }

    /// <summary>Fewest items on a GPU.</summary>
    public int Fewest { get; }

    /// <summary>Most items on each GPU [G].</summary>
    public int[] Most { get; }

    /// <summary>The items, heaviest first.</summary>
    public int[] Order { get; }

    /// <summary>Whether an expert has several items.</summary>
    public bool HasCopies { get; }

    /// <summary>Number of items.</summary>
    public int Items => Work.Length;

    /// <summary>Number of GPUs.</summary>
    public int Gpus => Speed.Length;

    /// <summary>Whether all GPUs are equally fast.</summary>
    public bool EqualSpeeds => Speed.All(s => s == Speed[0]);

    /// <summary>Whether every GPU must have the same number of items.</summary>
    public bool EqualSizes => Most.All(m => m == Fewest);

    /// <summary>One item an expert.</summary>
    /// <param name="load">Tokens of each expert [E]; at least as many as GPUs.</param>
    /// <param name="speed">Relative speeds [G].</param>
    /// <param name="equalSizes">E / G experts on each GPU (G divides E), or any number from 1 up.</param>
    public static BalanceProblem Of(IReadOnlyList<long> load, double[] speed, bool equalSizes = false) =>
        new([.. load.Select(p => (double)p)], [.. Enumerable.Range(0, load.Count)], speed, equalSizes ? load.Count / speed.Length : 1,
            equalSizes ? Same(load.Count / speed.Length, speed.Length) : Same(load.Count, speed.Length));

    /// <summary>An item for each copy, <paramref name="slots"/> of them on each GPU.</summary>
    /// <param name="load">Tokens of each expert [E].</param>
    /// <param name="copies">Copies of each expert [E], at most G each, together G x slots.</param>
    /// <param name="speed">Relative speeds [G].</param>
    /// <param name="slots">Items on each GPU.</param>
    public static BalanceProblem WithCopies(IReadOnlyList<long> load, IReadOnlyList<int> copies, double[] speed, int slots)
    {
        int[] expert = [.. Enumerable.Range(0, load.Count).SelectMany(e => Enumerable.Repeat(e, copies[e]))];
        return new([.. expert.Select(e => (double)load[e] / copies[e])], expert, speed, slots, Same(slots, speed.Length));
    }

    /// <summary>Seconds, in units of a token on a GPU of mean speed, until the last GPU has done its items.</summary>
    public double Makespan(int[] gpuOf) => Times(gpuOf).Max();

    /// <summary>The same for each GPU [G].</summary>
    public double[] Times(int[] gpuOf)
    {
        var times = new double[Gpus];
        for (var i = 0; i < Items; i++)
            times[gpuOf[i]] += Work[i];
        for (var g = 0; g < Gpus; g++)
            times[g] /= Speed[g];
        return times;
    }

    static int[] Same(int value, int count) => [.. Enumerable.Repeat(value, count)];
}
