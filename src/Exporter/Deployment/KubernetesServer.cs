using System.Globalization;
using OnnxMoe.Artifacts.Deployment;

namespace OnnxMoe.Exporter.Deployment;

/// <summary>
/// Kubernetes manifests of a model's servers. A server keeps nothing between requests, so they are replicas behind a service, and any of
/// them may answer any request.
/// </summary>
internal static class KubernetesServer
{
    /// <summary>The manifests.</summary>
    public const string File = "kubernetes.yaml";

    /// <summary>What a GPU changes in them.</summary>
    public const string GpuPatch = "kubernetes-gpu.patch.yaml";

    /// <summary>Running requests may finish this long after SIGTERM (Serve:DrainSeconds).</summary>
    public const int DrainSeconds = 30;

    /// <summary>Load balancers hear of a pod's end while it still takes requests.</summary>
    public const int NoticeSeconds = 5;

    /// <summary>The notice, the drain, the last seconds of the web server, and a reserve.</summary>
    public const int GraceSeconds = NoticeSeconds + DrainSeconds + 10;

    private const int FewestReplicas = 2, MostReplicas = 8;

    /// <summary>The name of the image until it is pushed under another.</summary>
    public static string Image(DeployedModel model) => $"onnxmoe-{model.Label}:1";

    /// <summary>The name of the secret with the API key.</summary>
    public static string Secret(DeployedModel model) => $"{model.Label}-api-key";

    /// <summary>All manifests as one file of several YAML documents.</summary>
    public static string Manifests(DeployedModel model, ServerSizes sizes) => string.Join("---\n", Deployment(model, sizes), Service(model), DisruptionBudget(model), Autoscaler(model));

    /// <summary>Fields of the deployment that a GPU changes, for <c>kubectl patch</c>.</summary>
    public static string Patch(DeployedModel model) => $$"""
        # Written by 'onnxmoe export'. Servers on an NVIDIA GPU each:
        #   kubectl patch deployment {{model.Label}} --patch-file {{GpuPatch}}
        # The image must be built for CUDA (see Dockerfile), and the cluster needs NVIDIA's device plugin. It was never run: the machines that this was
        # made on have no GPU.
        spec:
          template:
            spec:
              containers:
                - name: server
                  env:
                    - { name: ONNXMOE__Serve__Device, value: "cuda" }
                  resources:
                    limits: { nvidia.com/gpu: 1 }

        """;

    private static string Deployment(DeployedModel model, ServerSizes sizes) => string.Create(CultureInfo.InvariantCulture, $$"""
        # Written by 'onnxmoe export' for {{YamlText.Quoted(model.Manifest.Name)}}; README.md beside this file says how to use it.
        # Servers keep nothing between requests: any of them may answer any request, and any HTTP load balancer will do.
        apiVersion: apps/v1
        kind: Deployment
        metadata:
          name: {{model.Label}}
          labels: {{Labels(model)}}
        spec:
          replicas: {{FewestReplicas}}
          strategy:
            type: RollingUpdate
            rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
          selector:
            matchLabels: {{Labels(model)}}
          template:
            metadata:
              labels: {{Labels(model)}}
              annotations:
                # Where Prometheus is set up with a ServiceMonitor instead: port http, path /metrics, selector as in the service.
                prometheus.io/scrape: "true"
                prometheus.io/port: "8080"
                prometheus.io/path: /metrics
            spec:
              automountServiceAccountToken: false
              # preStop ({{NoticeSeconds}} s), Serve:DrainSeconds ({{DrainSeconds}} s), and a reserve.
              terminationGracePeriodSeconds: {{GraceSeconds}}
              securityContext:
                runAsNonRoot: true
                runAsUser: {{ServerImage.User}}
                runAsGroup: {{ServerImage.User}}
                seccompProfile: { type: RuntimeDefault }
              topologySpreadConstraints:
                - maxSkew: 1
                  topologyKey: kubernetes.io/hostname
                  whenUnsatisfiable: ScheduleAnyway
                  labelSelector:
                    matchLabels: {{Labels(model)}}
              containers:
                - name: server
                  image: {{YamlText.Quoted(Image(model))}}
                  args: {{YamlText.List(ServerImage.Arguments(model))}}
                  env:
                    - name: ONNXMOE__Serve__ApiKey
                      valueFrom: { secretKeyRef: { name: {{Secret(model)}}, key: api-key } }
                    - { name: ONNXMOE__Serve__Log, value: "json" }
                    - { name: ONNXMOE__Serve__DrainSeconds, value: "{{DrainSeconds}}" }
                    - { name: ONNXMOE__Serve__Threads, value: "{{ServerSizes.Processors}}" }
                    - { name: ONNXMOE__Serve__Slots, value: "{{ServerSizes.Slots}}" }
                    - { name: ONNXMOE__Serve__CacheSize, value: "{{sizes.CacheMiB}}" }
                    # The file system is read-only; diagnostics would want to write.
                    - { name: DOTNET_EnableDiagnostics, value: "0" }
                  ports:
                    - { name: http, containerPort: 8080 }
                  lifecycle:
                    preStop: { exec: { command: ["sleep", "{{NoticeSeconds}}"] } }
                  {{ServerProbes.Text(10)}}
                  # {{sizes.Explained}}.
                  resources:
                    requests: { cpu: "{{ServerSizes.Processors}}", memory: {{sizes.MemoryMiB}}Mi }
                    limits: { memory: {{sizes.MemoryLimitMiB}}Mi }
                  securityContext:
                    allowPrivilegeEscalation: false
                    readOnlyRootFilesystem: true
                    capabilities: { drop: [ALL] }
                  volumeMounts:
                    - { name: tmp, mountPath: /tmp }
              volumes:
                - name: tmp
                  emptyDir: { sizeLimit: 64Mi }

        """);

    private static string Service(DeployedModel model) => $$"""
        apiVersion: v1
        kind: Service
        metadata:
          name: {{model.Label}}
          labels: {{Labels(model)}}
        spec:
          sessionAffinity: None
          selector: {{Labels(model)}}
          ports:
            - { name: http, port: 80, targetPort: http }

        """;

    private static string DisruptionBudget(DeployedModel model) => $$"""
        apiVersion: policy/v1
        kind: PodDisruptionBudget
        metadata:
          name: {{model.Label}}
          labels: {{Labels(model)}}
        spec:
          minAvailable: 1
          selector:
            matchLabels: {{Labels(model)}}

        """;

    private static string Autoscaler(DeployedModel model) => string.Create(CultureInfo.InvariantCulture, $$"""
        # By the processor, which every cluster with a metrics server can. Better signals, where an adapter offers Prometheus' metrics to Kubernetes:
        # onnxmoe_num_requests_waiting (0 when there are enough servers) and onnxmoe_num_requests_running (at most {{ServerSizes.Slots}} a server).
        apiVersion: autoscaling/v2
        kind: HorizontalPodAutoscaler
        metadata:
          name: {{model.Label}}
          labels: {{Labels(model)}}
        spec:
          scaleTargetRef: { apiVersion: apps/v1, kind: Deployment, name: {{model.Label}} }
          minReplicas: {{FewestReplicas}}
          maxReplicas: {{MostReplicas}}
          metrics:
            - type: Resource
              resource:
                name: cpu
                target: { type: Utilization, averageUtilization: 70 }

        """);

    private static string Labels(DeployedModel model) => $"{{ app.kubernetes.io/name: onnxmoe, app.kubernetes.io/instance: {YamlText.Quoted(model.Label)} }}";
}
