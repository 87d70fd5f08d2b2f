using System.Globalization;
using System.Text;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Exporter.Deployment;

/// <summary>The README.md of a deployment: the commands, and what to know before.</summary>
internal static class DeploymentGuide
{
    /// <summary>The text.</summary>
    public static string Text(DeployedModel model, ServerSizes sizes, IReadOnlyList<DeployTarget> targets)
    {
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"""
            # Deployment of {model.Manifest.Name.ReplaceLineEndings(" ")}

            Written by `onnxmoe export --deploy` from `{model.File}` ({model.Record.Target}, {model.Record.Precision}). The next export with `--deploy` writes these files
            again, so keep changes elsewhere. Neither a cluster nor Triton was at hand where they were made: the tests read them, compare them with
            the model and ask a running server all that is asked here.

            """));
        if (targets.Contains(DeployTarget.Kubernetes))
            text.Append('\n').Append(Kubernetes(model, sizes));
        if (targets.Contains(DeployTarget.Triton))
            text.Append('\n').Append(Triton(model));
        return text.ToString();
    }

    private static string Kubernetes(DeployedModel model, ServerSizes sizes) => string.Create(CultureInfo.InvariantCulture, $$"""
        ## Kubernetes

        1. Build the image, in the root of the repository (BuildKit; FOLDER is the model folder), and push it where the cluster finds it; then put
           that name for `{{KubernetesServer.Image(model)}}` in `{{KubernetesServer.File}}`:

               docker build -f FOLDER/deploy/{{ServerImage.File}} --build-context model=FOLDER -t {{KubernetesServer.Image(model)}} .

        2. Make the key that clients must send (`Authorization: Bearer KEY`). Without it no pod starts:

               kubectl create secret generic {{KubernetesServer.Secret(model)}} --from-literal=api-key="$(openssl rand -hex 32)"

        3. `kubectl apply --dry-run=server -f {{KubernetesServer.File}}`, then without `--dry-run`.

        What to know:
        - A server keeps nothing between requests, so any load balancer will do: the service, an Ingress, a gateway. For streamed answers it must not
          buffer, and its time limit must exceed the longest answer.
        - The model is in the image. A new model is a new tag; the rollout waits until new pods are ready.
        - A pod that ends is taken out of the service first ({{KubernetesServer.NoticeSeconds}} s), then it answers what runs (up to {{KubernetesServer.DrainSeconds}} s) and refuses
          the rest with 503. For longer answers raise `ONNXMOE__Serve__DrainSeconds` and `terminationGracePeriodSeconds` together.
        - Memory: {{sizes.Explained}}. The request is the sum, the limit half as much again. A change of
          `ONNXMOE__Serve__Slots` or `ONNXMOE__Serve__CacheSize` changes it.
        - `ONNXMOE__Serve__Threads` and the processors that are requested belong together.
        - The autoscaler sets the number of replicas; remove `spec.replicas` if you apply the file again and again.
        - On a GPU: `kubectl patch deployment {{model.Label}} --patch-file {{KubernetesServer.GpuPatch}}`, with an image for CUDA (never run by us).

        """);

    private static string Triton(DeployedModel model)
    {
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"""
            ## Triton

                tritonserver --model-repository={TritonModel.MountPath}      # with the folder {TritonModel.Repository} mounted there

            - `1/` has `{string.Join("`, `", model.OnnxFiles)}`, by hard links where the file system has them.

            """));
        if (model.HasKernels)
            text.Append("- The native kernels are listed under `model_operations`. They need a Triton whose ONNX Runtime is 1.18 or later on x86-64 Linux. Without\n")
                .Append("  these lines the file runs too, by the function bodies in it.\n");
        if (model.OptionalInputs.Count > 0)
            text.Append(CultureInfo.InvariantCulture, $"- Triton cannot leave inputs out, so those with a default are not offered and keep it: `{string.Join("`, `", model.OptionalInputs)}`.\n");
        if (model.Manifest.PreGate is { } gate)
            text.Append(CultureInfo.InvariantCulture, $"- `expert_ids` comes from `{gate.File}`, which the client must run first, or which must be a further model of the repository.\n");
        if (model.CacheBytesPerToken > 0)
            text.Append(CultureInfo.InvariantCulture, $"""

                **This is a language model, and Triton's ONNX backend knows nothing of that.** One request is one step of the model:
                - The client sends token ids, and the KV caches: the first request empty ones (size 0 where `past` is), each next one what the outputs `present.*` of the
                  last gave, as `{CacheInput.Prefix}*`. That is {model.CacheBytesPerToken:N0} bytes for each token so far, in both directions, at every step.
                - The client tokenizes, samples and stops. There is no queue of sequences, no continuous batching, no shared cache, no stream.
                - Rows of one request run together; Triton does not put requests together (`max_batch_size` is 0, as the caches of different requests differ in length).

                It fits scoring (one request with the whole text) and clients that bring their own loop. To generate text use `onnxmoe serve`.

                """);
        return text.ToString();
    }
}
