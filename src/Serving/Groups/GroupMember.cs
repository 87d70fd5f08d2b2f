using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Serving.ExpertParallel;
using OnnxMoe.Serving.Paging;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Groups;

/// <summary>
/// A rank of a group other than 0: it has its experts and, when sequences are at home on all ranks, all but the experts too. It runs what rank 0 gives it.
/// </summary>
/// <param name="group">The group.</param>
/// <param name="graph">This rank's part of the model.</param>
/// <param name="paged">The model on pages; null when this rank is nobody's home.</param>
internal sealed class GroupMember(ServerGroup group, CutGraph graph, PagedModel? paged) : IDisposable
{
    private readonly Home _home = new(group.Rank, 0);
    private PagedMemory? _pages;

    /// <summary>Where the experts of all ranks are.</summary>
    public PlacementPlan Plan => graph.Plan;

    /// <summary>Loads this rank's part and does what rank 0 says until it ends the group.</summary>
    /// <exception cref="GroupBrokenException">Another rank has died.</exception>
    public static void Run(string folder, ServeOptions options, ServerGroup group, TextWriter output)
    {
        using var member = GroupStart.Load(group, () => LoadedModel.OpenMember(folder, options, group), member => GroupReport.Of(folder, options, member.Plan));
        if (member is null)
            return;
        output.WriteLine($"Rank {group.Rank} of {group.Size} on {Environment.MachineName} holds {member.Describe()}.");
        try
        {
            member.Follow();
        }
        catch (OperationCanceledException)
        {
            throw new GroupBrokenException(group.Problem!);
        }
    }

    public void Dispose()
    {
        graph.Dispose();
        _pages?.Dispose();
    }

    private string Describe() => $"{graph.ExpertsOn(group.Rank)} of {Plan.Layers.Sum(layer => layer.Experts)} experts{(paged is null ? "" : ", and is home to a share of the sequences")}";

    private void Follow()
    {
        while (group.ExchangeMessages(group.Nothing)[0] is { Length: > 0 } message)
        {
            var (pages, runs) = GroupMessage.ReadRuns(message, _home);
            if (paged is not null)
                _pages ??= new PagedMemory(paged, pages, null);
            var results = graph.Run([.. runs.Select(run => run with { Inputs = new Dictionary<string, OrtValue>(run.Inputs.Concat(_pages?.Tensors ?? [])) })]);
            Answer(GroupMessage.Of(graph.Traffic.TakeOf(group.Rank), results));
            foreach (var value in runs.SelectMany(run => run.Inputs.Values).Concat(results.Where(result => result.Problem is null).SelectMany(result => result.Values)))
                value.Dispose();
        }
    }

    private void Answer(byte[] message) => group.ExchangeMessages([message, .. group.Nothing[1..]]);
}
