using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public static IDisposable no_grad() => new GradMode(false);

    public static IDisposable enable_grad(bool enabled = true) => new GradMode(enabled);

    public static IDisposable set_grad_enabled(bool mode = true) => new GradMode(mode);

    public static bool is_grad_enabled() => Bridge.onnxmoe_torch_grad_mode() != 0;

    public static IDisposable inference_mode(bool mode = true) => new InferenceMode(mode);

    public static bool is_inference_mode_enabled() => Bridge.onnxmoe_torch_inference_mode() != 0;

    /// <summary>Switches the recording of gradients on this thread until disposal.</summary>
    private sealed class GradMode : IDisposable
    {
        private readonly int _before = Bridge.onnxmoe_torch_grad_mode();

        internal GradMode(bool enabled) => Bridge.onnxmoe_torch_set_grad_mode(enabled ? 1 : 0);

        public void Dispose() => Bridge.onnxmoe_torch_set_grad_mode(_before);
    }

    private sealed class InferenceMode(bool enabled) : IDisposable
    {
        private nint _guard = Bridge.onnxmoe_torch_enter_inference_mode(enabled ? 1 : 0);

        public void Dispose()
        {
            if (_guard != 0)
                Bridge.onnxmoe_torch_leave_inference_mode(_guard);
            _guard = 0;
        }
    }
}
