namespace OnnxMoe.Placement.Search;

/// <summary>The measures that <see cref="PlanWeights"/> weigh, in tokens, summed over layers; 0 where the input cannot say (expert counts know no traffic).</summary>
/// <param name="Balance">Time of the busiest GPU, in tokens on a GPU of mean speed.</param>
/// <param name="Flow">Busiest pair of GPUs between layers, in tokens on the fastest link.</param>
/// <param name="Remote">Steps between GPUs, in tokens on the fastest link.</param>
/// <param name="Copies">Visits of GPUs by tokens; each GPU once a token and layer.</param>
/// <param name="Nodes">Visits of nodes by tokens.</param>
/// <param name="Home">Busiest pair of GPUs with dispatch and combine, in tokens on the fastest link.</param>
public readonly record struct PlanTerms(double Balance, double Flow, double Remote, double Copies, double Nodes, double Home)
{
    public static PlanTerms operator +(PlanTerms a, PlanTerms b) =>
        new(a.Balance + b.Balance, a.Flow + b.Flow, a.Remote + b.Remote, a.Copies + b.Copies, a.Nodes + b.Nodes, a.Home + b.Home);

    public static PlanTerms operator -(PlanTerms a, PlanTerms b) =>
        new(a.Balance - b.Balance, a.Flow - b.Flow, a.Remote - b.Remote, a.Copies - b.Copies, a.Nodes - b.Nodes, a.Home - b.Home);
}
