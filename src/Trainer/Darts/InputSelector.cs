using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Darts;

/// <summary>
/// Decides which inputs each node keeps when all operations are decided (Wang et al. 2021, arXiv 2108.04392): those without which the supernet does worst, each
/// deleted by itself. Nodes come in random order; the other edges become none.
/// </summary>
/// <param name="criterion">Measures the supernet.</param>
/// <param name="inputs">Edges that a node keeps.</param>
/// <param name="operations">Candidates of an edge.</param>
/// <param name="nodes">Of a cell.</param>
public sealed class InputSelector(DeletionCriterion criterion, int inputs, IReadOnlyList<string> operations, int nodes)
{
    private const long OrderKey = 47;
    private readonly int _none = operations.ToList().IndexOf(EdgeOp.None);

    /// <exception cref="UserError">A cell has no node with as many inputs, or its edges cannot be none.</exception>
    public void Check()
    {
        if (inputs > nodes - 1)
            throw new UserError($"Search:Selection:TopologyInputs is {inputs}, but no node of a cell of {nodes} nodes has more than {nodes - 1} edges that come in.");
        if (_none < 0)
            throw new UserError($"Search:Selection:TopologyInputs needs the operation {EdgeOp.None} in the search space, which has {string.Join(", ", operations)}.");
    }

    /// <param name="gates">Of the supernet, all edges decided.</param>
    /// <param name="seed">Of the order.</param>
    /// <param name="tune">Trains on before each node; returns the epochs made so far.</param>
    public IReadOnlyList<InputDecision> Decide(SoftGates gates, long seed, Func<int> tune)
    {
        var decisions = new List<InputDecision>();
        foreach (var node in Enumerable.Range(1, nodes - 1).OrderBy(node => StatelessRandom.Next(OrderKey, seed, node)))
        {
            int[] edges = [.. Enumerable.Range(node * (node - 1) / 2, node).Where(edge => gates.Decided[edge] != _none)];
            if (edges.Length <= inputs)
                continue;
            _ = tune();
            double[] scores = [.. edges.Select(edge =>
            {
                gates.Deleted = (edge, gates.Decided[edge]!.Value);
                return criterion.Measure();
            })];
            gates.Deleted = null;
            int[] kept = [.. criterion.FromWorst(scores).Take(inputs).Select(i => edges[i]).Order()];
            foreach (var edge in edges.Except(kept))
                gates.Decide(edge, _none);
            decisions.Add(new(node, edges, scores, kept));
        }
        return decisions;
    }
}
