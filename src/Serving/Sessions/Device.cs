using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Serving.Sessions;

/// <summary>The device a session runs on: the processor, or one CUDA GPU.</summary>
/// <param name="CudaId">Number of the GPU; null is the processor.</param>
public readonly record struct Device(int? CudaId)
{
    /// <summary>Reads <c>cpu</c>, <c>cuda</c> or <c>cuda:ID</c>.</summary>
    /// <exception cref="UserError">Another text.</exception>
    public static Device Parse(string text)
    {
        if (text.Equals("cpu", StringComparison.OrdinalIgnoreCase))
            return new(null);
        if (text.Equals("cuda", StringComparison.OrdinalIgnoreCase))
            return new(0);
        if (text.StartsWith("cuda:", StringComparison.OrdinalIgnoreCase) && int.TryParse(text.AsSpan(5), out var id) && id >= 0)
            return new(id);
        throw new UserError($"Serve:Device is '{text}', but it must be cpu, cuda, or cuda: and the number of a GPU (cuda:1).");
    }

    /// <summary>As many devices as a server is to use: the processor so many times, or the GPUs from 0 on.</summary>
    /// <exception cref="UserError">One GPU is named, though several are wanted.</exception>
    public static IReadOnlyList<Device> Several(string text, int count)
    {
        var device = Parse(text);
        if (count > 1 && device.CudaId is not null && text.Contains(':'))
            throw new UserError($"Serve:Device is '{text}', one GPU, but Serve:Devices is {count}; with 'cuda' the GPUs 0 to {count - 1} are used.");
        return [.. Enumerable.Range(0, count).Select(number => device.CudaId is null || count == 1 ? device : new(number))];
    }

    /// <summary>Where outputs that stay on the device are allocated.</summary>
    public OrtMemoryInfo Memory => CudaId is { } id
        ? new OrtMemoryInfo(OrtMemoryInfo.allocatorCUDA, OrtAllocatorType.DeviceAllocator, id, OrtMemType.Default)
        : OrtMemoryInfo.DefaultInstance;

    /// <summary>Adds the device's execution provider to the options of a session.</summary>
    /// <exception cref="UserError">There is no CUDA in this build of ONNX Runtime, no driver, or no such GPU.</exception>
    public void Apply(SessionOptions options)
    {
        if (CudaId is not { } id)
            return;
        try
        {
            options.AppendExecutionProvider_CUDA(id);
        }
        catch (Exception problem) when (problem is OnnxRuntimeException or EntryPointNotFoundException or DllNotFoundException)
        {
            var providers = string.Join(", ", OrtEnv.Instance().GetAvailableProviders());
            throw new UserError(
                $"Serve:Device is '{this}', but ONNX Runtime cannot use CUDA here (it offers {providers}); use --Serve:Device=cpu, or run set-up on a machine with an NVIDIA driver.", problem);
        }
    }

    public override string ToString() => CudaId is { } id ? $"cuda:{id}" : "cpu";
}
