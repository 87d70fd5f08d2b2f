namespace OnnxMoe.Exporter.Deployment;

/// <summary>What a deployment is written for.</summary>
public enum DeployTarget
{
    /// <summary>Replicas of <c>onnxmoe serve</c> behind a service.</summary>
    Kubernetes,

    /// <summary>A model repository of NVIDIA's Triton Inference Server.</summary>
    Triton,
}
