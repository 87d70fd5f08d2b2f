using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Deployment;
using OnnxMoe.Artifacts.Placement;

namespace OnnxMoe.Placement.Deployment;

/// <summary>
/// Sketch of Kubernetes manifests: the plan as a ConfigMap, a headless service, and for each node a StatefulSet with one pod for
/// each of its GPUs. Nodes are found by a label that somebody must set, as a plan's node names are seldom a cluster's.
/// </summary>
static class KubernetesManifests
{
    /// <summary>The label of the machines that says which node of the plan they are.</summary>
    public const string NodeLabel = "onnxmoe/node";

    /// <summary>A StatefulSet's pods carry its name, a dash and ten or so characters more in a label of at most 63.</summary>
    const int LongestSet = 45;

    const int LongestModel = 40, ConfigMapLimit = 1 << 20;

    /// <summary>Valid JSON strings of ASCII alone, which are YAML strings too.</summary>
    static readonly JsonSerializerOptions Ascii = new(JsonFile.Options) { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.Default };

    /// <summary>All manifests as one file of several YAML documents.</summary>
    /// <exception cref="UserError">The plan is too large for a ConfigMap.</exception>
    public static string Text(PlacementPlan plan, string planHash)
    {
        var model = KubernetesNames.Label(plan.Source.Model, LongestModel);
        var nodes = DeployedNode.Of(plan);
        var sets = KubernetesNames.Unique([.. nodes.Select(node => $"{model}-{node.Label}")], LongestSet);
        return string.Join("---\n", [Head(nodes), ConfigMap(model, plan, planHash), Service(model), .. nodes.Select((node, n) => StatefulSet(model, sets[n], node, plan, planHash))]);
    }

    static string Head(IReadOnlyList<DeployedNode> nodes)
    {
        var text = new StringBuilder("""
            # A SKETCH, written by 'onnxmoe place' from a placement plan; README.md beside this file says what must still be done by hand.
            # Say first which machine is which node of the plan:

            """);
        foreach (var node in nodes)
            text.Append(CultureInfo.InvariantCulture, $"#   kubectl label node NAME-OF-THE-MACHINE {NodeLabel}={node.Label}\n");
        return text.ToString();
    }

    static string ConfigMap(string model, PlacementPlan plan, string planHash)
    {
        var json = JsonSerializer.Serialize(plan, Ascii);
        if (json.Length > ConfigMapLimit / 2)
            json = JsonSerializer.Serialize(plan, new JsonSerializerOptions(Ascii) { WriteIndented = false });
        if (json.Length > ConfigMapLimit - 1024)
            throw new UserError($"The plan takes {json.Length:N0} bytes, more than a Kubernetes ConfigMap can hold (1 MiB); deploy with triton alone, or put {PlacementPlan.FileName} on the models' volume by hand.");
        return $"""
            apiVersion: v1
            kind: ConfigMap
            metadata:
              name: {model}-placement
              labels: {Labels(model)}
              annotations:
                onnxmoe/placement-sha256: {YamlText.Quoted(planHash)}
            data:
              {PlacementPlan.FileName}: |
                {json.ReplaceLineEndings("\n    ")}

            """;
    }

    static string Service(string model) => $"""
        apiVersion: v1
        kind: Service
        metadata:
          name: {model}-gpus
          labels: {Labels(model)}
        spec:
          clusterIP: None
          selector: {Labels(model)}
          ports:
            - name: http
              port: 8080
              targetPort: http

        """;

    static string StatefulSet(string model, string name, DeployedNode node, PlacementPlan plan, string planHash) => string.Create(CultureInfo.InvariantCulture, $$"""
        # Node {{YamlText.Quoted(node.Name)}} of the plan: its pods are the GPUs {{string.Join(", ", node.Devices)}} in this order.
        apiVersion: apps/v1
        kind: StatefulSet
        metadata:
          name: {{name}}
          labels: {{Labels(model)}}
        spec:
          serviceName: {{model}}-gpus
          replicas: {{node.Devices.Count}}
          podManagementPolicy: Parallel
          selector:
            matchLabels: { app.kubernetes.io/name: onnxmoe, app.kubernetes.io/instance: "{{model}}", {{NodeLabel}}: "{{node.Label}}" }
          template:
            metadata:
              labels: { app.kubernetes.io/name: onnxmoe, app.kubernetes.io/instance: "{{model}}", {{NodeLabel}}: "{{node.Label}}" }
              annotations:
                onnxmoe/placement-sha256: {{YamlText.Quoted(planHash)}}
                onnxmoe/placement-node: {{YamlText.Quoted(node.Name)}}
                onnxmoe/placement-devices: {{YamlText.Quoted(string.Join(',', node.Devices))}}
            spec:
              affinity:
                nodeAffinity:
                  requiredDuringSchedulingIgnoredDuringExecution:
                    nodeSelectorTerms:
                      - matchExpressions:
                          - { key: {{NodeLabel}}, operator: In, values: ["{{node.Label}}"] }
              # Serve:DrainSeconds (30) and a little more.
              terminationGracePeriodSeconds: 40
              containers:
                - name: server
                  image: onnxmoe:CHANGE-ME
                  command: ["onnxmoe"]
                  args: ["serve", {{YamlText.Quoted(plan.Source.Model)}}, "--models", "/models", "--host", "0.0.0.0", "--port", "8080", "--device", "cuda"]
                  env:
                    - name: PLACEMENT_FILE
                      value: /etc/onnxmoe/{{PlacementPlan.FileName}}
                    - name: PLACEMENT_DEVICES
                      value: {{YamlText.Quoted(string.Join(',', node.Devices))}}
                    - name: POD_INDEX
                      valueFrom: { fieldRef: { fieldPath: "metadata.labels['apps.kubernetes.io/pod-index']" } }
                  ports:
                    - { name: http, containerPort: 8080 }
                  {{ServerProbes.Text(10)}}
                  resources:
                    limits:
                      nvidia.com/gpu: 1
                  volumeMounts:
                    - { name: models, mountPath: /models, readOnly: true }
                    - { name: placement, mountPath: /etc/onnxmoe, readOnly: true }
              volumes:
                - name: models
                  persistentVolumeClaim: { claimName: {{model}}-models, readOnly: true }
                - name: placement
                  configMap: { name: {{model}}-placement }

        """);

    /// <summary>In quotes: a model called "on" or "null" is a text too.</summary>
    static string Labels(string model) => $$"""{ app.kubernetes.io/name: onnxmoe, app.kubernetes.io/instance: "{{model}}" }""";
}
