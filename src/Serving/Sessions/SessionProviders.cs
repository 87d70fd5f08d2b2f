using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.Sessions;

/// <summary>Where ONNX Runtime really put a session: an execution provider that it was asked for may have got none of the model's nodes.</summary>
internal static class SessionProviders
{
    /// <summary>The providers whose memory the session's inputs and outputs are in, such as <c>CPUExecutionProvider</c> or <c>CUDAExecutionProvider:1</c>.</summary>
    public static IReadOnlyList<string> Of(InferenceSession session)
    {
        using var inputs = session.GetMemoryInfosForInputs();
        using var outputs = session.GetMemoryInfosForOutputs();
        return [.. inputs.Concat(outputs).Select(NameOf).Distinct().Order()];
    }

    private static string NameOf(OrtMemoryInfo memory) => memory.Name.ToUpperInvariant() switch
    {
        "CPU" => "CPUExecutionProvider",
        "CUDA" => $"CUDAExecutionProvider:{memory.Id}",
        "CUDAPINNED" or "CUDA_CPU" => "CPUExecutionProvider",
        var other => $"{other}:{memory.Id}",
    };
}
