using System.Text.Json;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Serving.Groups;

/// <summary>The start of a group: each rank loads what it is to have, and then all learn whether all could, and have the same.</summary>
internal static class GroupStart
{
    /// <summary>Loads this rank's part, and compares it with those of the others. All ranks must call it at the same time.</summary>
    /// <param name="group">The group.</param>
    /// <param name="load">Loads it.</param>
    /// <param name="report">What it is.</param>
    /// <returns>What was loaded; null on the other ranks when the group cannot start: rank 0 says why.</returns>
    /// <exception cref="UserError">On rank 0: the group cannot start.</exception>
    /// <exception cref="GroupBrokenException">Another rank has died.</exception>
    public static T? Load<T>(ServerGroup group, Func<T> load, Func<T, GroupReport> report) where T : class, IDisposable
    {
        T? loaded = null;
        try
        {
            UserError? mistake = null;
            GroupReport mine;
            try
            {
                loaded = load();
                mine = report(loaded);
            }
            catch (UserError problem)
            {
                mistake = problem;
                mine = new(Environment.MachineName, problem.Message, []);
            }
            var reports = group.Gather(JsonSerializer.SerializeToUtf8Bytes(mine)).Select(bytes => JsonSerializer.Deserialize<GroupReport>(bytes)!).ToArray();
            if (GroupReport.Problems(reports) is not { } problems)
            {
                group.Started = true;
                return loaded;
            }
            loaded?.Dispose();
            return group.Rank > 0 ? null : throw new UserError(problems, mistake);
        }
        catch (OperationCanceledException)
        {
            loaded?.Dispose();
            throw new GroupBrokenException(group.Problem!);
        }
    }
}
