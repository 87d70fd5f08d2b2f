namespace OnnxMoe.Artifacts.Deployment;

/// <summary>What Kubernetes asks a server about itself, the same in all manifests.</summary>
public static class ServerProbes
{
    /// <summary>The fields of a container whose port is called "http", as lines of YAML.</summary>
    /// <param name="indent">Spaces before each line but the first.</param>
    public static string Text(int indent) => """
        # A large model is read and checked before the server listens: up to 30 minutes.
        startupProbe:
          httpGet: { path: /v2/health/live, port: http }
          periodSeconds: 10
          failureThreshold: 180
        livenessProbe:
          httpGet: { path: /v2/health/live, port: http }
          periodSeconds: 10
          timeoutSeconds: 5
          failureThreshold: 6
        readinessProbe:
          httpGet: { path: /v2/health/ready, port: http }
          periodSeconds: 5
          timeoutSeconds: 5
        """.ReplaceLineEndings("\n" + new string(' ', indent));
}
