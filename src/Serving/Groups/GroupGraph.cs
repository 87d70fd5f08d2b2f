using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Serving.ExpertParallel;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Groups;

/// <summary>
/// The model of a group as rank 0 sees it: each run goes to the rank where it is at home, all ranks go through the model's layers together, and the
/// results come back.
/// </summary>
/// <param name="group">The group, this process being rank 0.</param>
/// <param name="mine">This rank's part; the caller disposes it.</param>
/// <param name="pages">Pages that each rank has for caches; 0 when they are not on pages.</param>
/// <param name="caches">Names of the inputs that are these pages.</param>
internal sealed class GroupGraph(ServerGroup group, CutGraph mine, int pages, IReadOnlySet<string> caches) : IModelGraph
{
    private readonly Lock _turn = new();

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, NodeMetadata> Inputs => mine.Inputs;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, NodeMetadata> OptionalInputs => mine.OptionalInputs;

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, NodeMetadata> Outputs => mine.Outputs;

    /// <inheritdoc/>
    public IReadOnlyList<string> Providers => mine.Providers;

    /// <inheritdoc/>
    public bool RunsTogether => true;

    /// <inheritdoc/>
    public Home HomeOf(long request) => mine.HomeOf(request);

    /// <inheritdoc/>
    public bool Has(Home home) => mine.Has(home);

    /// <inheritdoc/>
    public bool KeepsPages(int device) => device != group.Rank;

    /// <inheritdoc/>
    public IReadOnlyList<GraphResult> Run(IReadOnlyList<GraphRun> runs)
    {
        lock (_turn)
        {
            try
            {
                var byRank = runs.Index().ToLookup(run => (run.Item.Home ?? HomeOf(run.Item.Request)).Device);
                group.ExchangeMessages([.. Enumerable.Range(0, group.Size).Select(rank => rank == group.Rank ? [] : GroupMessage.Of(pages, [.. byRank[rank].Select(run => run.Item)], caches))]);
                var results = new GraphResult[runs.Count];
                Place(byRank[group.Rank], mine.Run([.. byRank[group.Rank].Select(run => run.Item)]));
                foreach (var (rank, message) in group.ExchangeMessages(group.Nothing).Index().Where(message => message.Index != group.Rank))
                {
                    var (counted, theirs) = GroupMessage.ReadResults(message, byRank[rank].Count());
                    mine.Traffic.Add(rank, counted);
                    Place(byRank[rank], theirs);
                }
                return results;

                void Place(IEnumerable<(int Index, GraphRun Item)> asked, IReadOnlyList<GraphResult> given)
                {
                    foreach (var ((index, _), result) in asked.Zip(given))
                        results[index] = result;
                }
            }
            catch (OperationCanceledException)
            {
                var problem = new GroupBrokenException(group.Problem!);
                return [.. runs.Select(_ => new GraphResult(problem))];
            }
        }
    }

    /// <summary>Tells the others that this is the end.</summary>
    public void Dispose()
    {
        lock (_turn)
        {
            try
            {
                if (group is { Started: true, Problem: null })
                    group.ExchangeMessages(group.Nothing);
            }
            catch (OperationCanceledException)
            {
                // A rank has died: there is nobody to tell.
            }
        }
    }
}
