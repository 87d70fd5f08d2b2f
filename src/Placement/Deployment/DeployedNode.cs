using OnnxMoe.Artifacts.Deployment;
using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Deployment;

/// <summary>A node of a plan as something to deploy to.</summary>
/// <param name="Name">Its name in the plan.</param>
/// <param name="Label">A valid name like it, different from those of the plan's other nodes.</param>
/// <param name="Devices">The plan's numbers of its GPUs; their places in this list are their numbers on the node.</param>
public sealed record DeployedNode(string Name, string Label, IReadOnlyList<int> Devices)
{
    /// <summary>Longest label: what is made from it stays within Kubernetes' 63 characters.</summary>
    const int LongestLabel = 30;

    /// <summary>The nodes of a plan in order.</summary>
    public static IReadOnlyList<DeployedNode> Of(PlacementPlan plan)
    {
        var nodes = Enumerable.Range(0, plan.Devices.Count).GroupBy(g => plan.Devices[g].Node).ToList();
        var labels = KubernetesNames.Unique([.. nodes.Select(node => node.Key)], LongestLabel);
        return [.. nodes.Select((node, n) => new DeployedNode(node.Key, labels[n], [.. node]))];
    }
}
