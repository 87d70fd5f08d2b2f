using System.Globalization;
using System.Text;
using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Deployment;

/// <summary>The README.md of a deployment: what is there, and what must still be done by hand.</summary>
static class DeploymentNotes
{
    public static string Text(PlacementPlan plan, string planHash, bool triton, bool kubernetes)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            # Deployment sketch

            Written by `onnxmoe place` from a plan of {plan.Source.Model.ReplaceLineEndings(" ")} for {plan.Devices.Count} GPUs (SHA-256 of the plan: {planHash}).
            **This is a sketch, not a working deployment.** It says which GPU is to hold which experts, in the places where Triton and
            Kubernetes look for such things. It was not tried on a cluster.

            ## What must still be done by hand

            1. **Splitting the model.** Every instance here loads the whole `model.onnx` and computes all experts itself, so that each answers
               requests alone. To hold only the experts of the plan, an instance needs an ONNX file with those experts, and something that
               sends tokens from machine to machine and adds up what comes back. Neither is part of OnnxMoe; until then the names of the
               experts are only information. Within one machine `onnxmoe serve MODEL --devices N` does place experts by a plan.
            2. **Memory.** While every instance holds the whole model, it needs the memory for that, not what the plan counts.

            """);
        if (triton)
            text.Append(Triton(plan));
        if (kubernetes)
            text.Append(Kubernetes(plan));
        return text.ToString();
    }

    static string Triton(PlacementPlan plan)
    {
        var text = new StringBuilder("""

            ## Triton: `triton/NODE/`

            A model repository for each node. Each GPU has a model of its own there, with one instance on that GPU (`instance_group` with
            `gpus`, numbered on the node), and `parameters` with the experts of each layer.

            1. Put the exported `model.onnx` into the folder `1` of each model. Export with the target `onnx` or `onnxruntime`; a file of the target
               `onnxmoe` can have OnnxMoe's own kernels with `model_operations { op_library_filename: ... }`.
            2. On each node: `tritonserver --model-repository=triton/NODE`.
            3. Clients choose a model; spreading requests over the GPUs is theirs, or a proxy's.


            """);
        text.Append("| node | repository | GPUs of the plan |\n| --- | --- | --- |\n");
        foreach (var node in DeployedNode.Of(plan))
            text.Append(CultureInfo.InvariantCulture, $"| {Cell(node.Name)} | triton/{node.Label} | {string.Join(", ", node.Devices)} |\n");
        return text.ToString();
    }

    static string Kubernetes(PlacementPlan plan)
    {
        var text = new StringBuilder($$"""

            ## Kubernetes: `{{DeployRun.KubernetesFile}}`

            The plan as a ConfigMap, a headless service, and a StatefulSet for each node with one pod a GPU. The probes ask the server's
            `/v2/health/live` and `/v2/health/ready`.

            1. Build an image with the `onnxmoe` command, ONNX Runtime for CUDA and the NVIDIA libraries, and put its name for `onnxmoe:CHANGE-ME`.
            2. Make the volume claim that the pods mount at `/models` (the folder that has the model's folder).
            3. Label the machines, each with the node of the plan that it is to be:

            """);
        foreach (var node in DeployedNode.Of(plan))
            text.Append(CultureInfo.InvariantCulture, $"       kubectl label node NAME-OF-THE-MACHINE {KubernetesManifests.NodeLabel}={node.Label}\n");
        return text.Append(CultureInfo.InvariantCulture, $"""
            4. `kubectl apply --dry-run=server -f {DeployRun.KubernetesFile}`, then without `--dry-run`.
            5. The GPUs are NVIDIA's (`nvidia.com/gpu`, which needs NVIDIA's device plugin); others have other names.
            6. Anyone who reaches the pods may use them: set `ONNXMOE__Serve__ApiKey` from a Secret, and a NetworkPolicy.
            7. Which GPU of its machine a pod gets is the device plugin's choice. Pod number i (the variable POD_INDEX, Kubernetes 1.28 and newer) stands for
               entry i of PLACEMENT_DEVICES. The server reads neither of them yet, nor PLACEMENT_FILE.

            """).ToString();
    }

    static string Cell(string text) => text.ReplaceLineEndings(" ").Replace("|", "\\|", StringComparison.Ordinal);
}
