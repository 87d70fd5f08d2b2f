using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;

namespace OnnxMoe.Serving.Groups;

/// <summary>A rank of a group other than 0: it holds experts, and nothing else of the model.</summary>
internal static class GroupMember
{
    /// <summary>Loads the experts and applies them until rank 0 ends the group.</summary>
    /// <exception cref="UserError">The model or the plan is not right.</exception>
    /// <exception cref="GroupBrokenException">Another rank has died.</exception>
    public static void Run(string folder, ServeOptions options, ServerGroup group, TextWriter output)
    {
        var manifest = ServedModel.ReadManifest(folder, options, out var name);
        using var exchange = LoadedModel.OpenMember(name, folder, manifest, options, group, out var held);
        output.WriteLine($"Rank {group.Rank} of {group.Size} on {Environment.MachineName} holds {held}.");
        group.Meet();
        try
        {
            exchange.Follow();
        }
        catch (OperationCanceledException)
        {
            throw new GroupBrokenException(group.Problem!);
        }
    }
}
