using System.Globalization;
using System.Text;
using OnnxMoe.Artifacts.Deployment;
using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Deployment;

/// <summary>
/// Sketch of Triton model repositories: one for each node, in it one model for each GPU with an instance on that GPU alone. A
/// model's parameters say which experts the plan has there (parameters belong to a model, not to an instance, so GPUs need a model each).
/// </summary>
static class TritonRepository
{
    const int LongestName = 30;

    /// <summary>The files: path in the folder of all repositories, and text.</summary>
    public static IEnumerable<(string Path, string Text)> Files(PlacementPlan plan, string planHash)
    {
        foreach (var node in DeployedNode.Of(plan))
        {
            for (var local = 0; local < node.Devices.Count; local++)
            {
                var name = Name(plan, node.Devices[local]);
                yield return ($"{node.Label}/{name}/config.pbtxt", Config(plan, planHash, node, local));
                yield return ($"{node.Label}/{name}/1/README.txt", "Put model.onnx (and its external data, if it has any) here: see README.md of the deployment.\n");
            }
        }
    }

    /// <summary>Name of the model of one GPU.</summary>
    public static string Name(PlacementPlan plan, int device) => string.Create(CultureInfo.InvariantCulture, $"{KubernetesNames.Label(plan.Source.Model, LongestName)}-gpu{device}");

    static string Config(PlacementPlan plan, string planHash, DeployedNode node, int local)
    {
        var device = node.Devices[local];
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $$"""
            # A SKETCH, written by 'onnxmoe place' from a placement plan; README.md of the deployment says what must still be done by hand.
            # Inputs and outputs are left out: Triton takes them from the ONNX file.
            name: "{{Name(plan, device)}}"
            backend: "onnxruntime"
            max_batch_size: 0
            instance_group [
              {
                count: 1
                kind: KIND_GPU
                gpus: [ {{local}} ]
              }
            ]

            """);
        Parameter(text, "placement.sha256", planHash);
        Parameter(text, "placement.node", node.Name);
        Parameter(text, "placement.device", string.Create(CultureInfo.InvariantCulture, $"{device}"));
        foreach (var layer in plan.Layers)
            Parameter(text, string.Create(CultureInfo.InvariantCulture, $"placement.layer.{layer.Layer}.experts"), string.Join(',', layer.Devices[device].Order()));
        return text.ToString();
    }

    static void Parameter(StringBuilder text, string key, string value) =>
        text.Append("parameters {\n  key: ").Append(ProtobufText.Quoted(key)).Append("\n  value { string_value: ").Append(ProtobufText.Quoted(value)).Append(" }\n}\n");
}
