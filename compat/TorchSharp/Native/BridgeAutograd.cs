using System.Runtime.InteropServices;

namespace TorchSharp.Native;

/// <summary>Gradients and random generators.</summary>
internal static unsafe partial class Bridge
{
    [LibraryImport(Library), SuppressGCTransition]
    internal static partial int onnxmoe_torch_requires_grad(nint handle);

    [LibraryImport(Library)]
    internal static partial int onnxmoe_torch_set_requires_grad(nint handle, int value);

    [LibraryImport(Library)]
    internal static partial int onnxmoe_torch_is_leaf(nint handle);

    [LibraryImport(Library)]
    internal static partial nint onnxmoe_torch_grad(nint handle);

    [LibraryImport(Library)]
    internal static partial int onnxmoe_torch_set_grad(nint handle, nint gradient);

    [LibraryImport(Library)]
    internal static partial int onnxmoe_torch_retain_grad(nint handle);

    [LibraryImport(Library)]
    internal static partial int onnxmoe_torch_backward(nint* roots, nint* gradients, long count, int retain, int create, nint* inputs, long inputCount);

    [LibraryImport(Library)]
    internal static partial int onnxmoe_torch_gradients(nint* outputs, nint* gradients, long count, nint* inputs, long inputCount,
        int retain, int create, int allowUnused, nint* results);

    [LibraryImport(Library)]
    internal static partial int onnxmoe_torch_grad_mode();

    [LibraryImport(Library)]
    internal static partial void onnxmoe_torch_set_grad_mode(int enabled);

    [LibraryImport(Library)]
    internal static partial int onnxmoe_torch_inference_mode();

    [LibraryImport(Library)]
    internal static partial nint onnxmoe_torch_enter_inference_mode(int enabled);

    [LibraryImport(Library)]
    internal static partial void onnxmoe_torch_leave_inference_mode(nint guard);

    [LibraryImport(Library)]
    internal static partial nint onnxmoe_torch_generator(ulong seed);

    [LibraryImport(Library)]
    internal static partial nint onnxmoe_torch_default_generator();

    [LibraryImport(Library)]
    internal static partial void onnxmoe_torch_free_generator(nint generator);

    [LibraryImport(Library)]
    internal static partial void onnxmoe_torch_seed_generator(nint generator, ulong seed);

    [LibraryImport(Library)]
    internal static partial ulong onnxmoe_torch_reseed_generator(nint generator);

    [LibraryImport(Library)]
    internal static partial ulong onnxmoe_torch_generator_seed(nint generator);

    [LibraryImport(Library)]
    internal static partial nint onnxmoe_torch_generator_state(nint generator);

    [LibraryImport(Library)]
    internal static partial int onnxmoe_torch_set_generator_state(nint generator, nint state);
}
