using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;

namespace OnnxMoe.Serving.Groups;

/// <summary>A rank of a group other than 0: it holds experts, and nothing else of the model.</summary>
internal static class GroupMember
{
    /// <summary>Loads the experts and applies them until rank 0 ends the group.</summary>
    /// <exception cref="GroupBrokenException">Another rank has died.</exception>
    public static void Run(string folder, ServeOptions options, ServerGroup group, TextWriter output)
    {
        using var member = GroupStart.Load(group, () => LoadedModel.OpenMember(folder, options, group), member => GroupReport.Of(folder, options, member.Plan));
        if (member is null)
            return;
        output.WriteLine($"Rank {group.Rank} of {group.Size} on {Environment.MachineName} holds {member.Held}.");
        try
        {
            member.Follow();
        }
        catch (OperationCanceledException)
        {
            throw new GroupBrokenException(group.Problem!);
        }
    }
}
