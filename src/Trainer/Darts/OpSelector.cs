using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Darts;

/// <summary>Decides which candidate each edge of a softly trained supernet keeps: edge by edge in random order, with training in between.</summary>
public abstract class OpSelector
{
    private const long OrderKey = 46;

    /// <summary>Scores of an edge's candidates.</summary>
    public abstract IReadOnlyList<double> Score(SoftGates gates, int edge);

    /// <summary>The candidate to keep; of equals the first.</summary>
    public abstract int Best(IReadOnlyList<double> scores);

    /// <summary>The order in which a seed decides the edges.</summary>
    public static int[] Order(int edges, long seed) => [.. Enumerable.Range(0, edges).OrderBy(edge => StatelessRandom.Next(OrderKey, seed, edge))];

    /// <summary>Decides all edges that are open.</summary>
    /// <param name="gates">Of the supernet; every edge is decided when it returns.</param>
    /// <param name="seed">Of the order.</param>
    /// <param name="tune">Trains on between two decisions; returns the epochs made so far.</param>
    /// <param name="decided">Told of each decision.</param>
    public IReadOnlyList<Decision> Decide(SoftGates gates, long seed, Func<int> tune, Action<Decision>? decided = null)
    {
        var decisions = new List<Decision>();
        foreach (var edge in Order(gates.Decided.Count, seed).Where(edge => gates.Decided[edge] is null))
        {
            var epochs = decisions.Count == 0 ? 0 : tune();
            var scores = Score(gates, edge);
            var decision = new Decision(edge, Best(scores), scores, epochs);
            gates.Decide(edge, decision.Op);
            decisions.Add(decision);
            decided?.Invoke(decision);
        }
        return decisions;
    }
}
