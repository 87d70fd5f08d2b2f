using System.Runtime.InteropServices;

namespace TorchSharp.Native;

/// <summary>The C functions of native/torch (see its bridge.h). Tensor handles are <see cref="nint"/>; 0 is no tensor.</summary>
internal static unsafe partial class Bridge
{
    private const string Library = "onnxmoe_torch";

    static Bridge() => NativeLibrary.SetDllImportResolver(typeof(Bridge).Assembly, Resolve);

    /// <summary>Throws what the last failed call of this thread said.</summary>
    internal static Exception Failure() => new ExternalException(Marshal.PtrToStringUTF8((nint)onnxmoe_torch_error()) ?? "libtorch failed.");

    internal static nint Check(nint handle) => handle != 0 ? handle : throw Failure();

    internal static void Check(int status)
    {
        if (status < 0)
            throw Failure();
    }

    private static nint Resolve(string name, System.Reflection.Assembly assembly, DllImportSearchPath? path)
    {
        if (name != Library)
            return 0;
        var file = Path.Combine(AppContext.BaseDirectory, "libonnxmoe_torch.so");
        if (NativeLibrary.TryLoad(file, out var library))
            return library;
        // The loader's own message names what is missing (usually libtorch_cpu.so or libopenblas.so.0).
        return NativeLibrary.Load(Library, assembly, path);
    }

    [LibraryImport(Library)]
    private static partial byte* onnxmoe_torch_error();

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint onnxmoe_torch_operator(string name, string overload);

    [LibraryImport(Library)]
    internal static partial int onnxmoe_torch_call(nint operation, NativeArgument* arguments, int count, NativeArgument* results, int capacity);

    [LibraryImport(Library)]
    internal static partial void onnxmoe_torch_results(NativeArgument* results);

    [LibraryImport(Library)]
    internal static partial void onnxmoe_torch_free(nint handle);

    [LibraryImport(Library)]
    internal static partial nint onnxmoe_torch_from_memory(void* data, long* shape, long dimensions, int type, delegate* unmanaged<nint, void> released, nint context);

    [LibraryImport(Library), SuppressGCTransition]
    internal static partial long* onnxmoe_torch_sizes(nint handle, out long dimensions);

    [LibraryImport(Library), SuppressGCTransition]
    internal static partial long* onnxmoe_torch_strides(nint handle, out long dimensions);

    [LibraryImport(Library), SuppressGCTransition]
    internal static partial long onnxmoe_torch_dimensions(nint handle);

    [LibraryImport(Library), SuppressGCTransition]
    internal static partial long onnxmoe_torch_numel(nint handle);

    [LibraryImport(Library), SuppressGCTransition]
    internal static partial long onnxmoe_torch_storage_offset(nint handle);

    [LibraryImport(Library), SuppressGCTransition]
    internal static partial int onnxmoe_torch_type(nint handle);

    [LibraryImport(Library), SuppressGCTransition]
    internal static partial int onnxmoe_torch_device_type(nint handle);

    [LibraryImport(Library), SuppressGCTransition]
    internal static partial int onnxmoe_torch_is_contiguous(nint handle);

    [LibraryImport(Library)]
    internal static partial void* onnxmoe_torch_data(nint handle);

    [LibraryImport(Library)]
    internal static partial int onnxmoe_torch_threads();

    [LibraryImport(Library)]
    internal static partial int onnxmoe_torch_set_threads(int count);

    [LibraryImport(Library)]
    internal static partial int onnxmoe_torch_interop_threads();

    [LibraryImport(Library)]
    internal static partial int onnxmoe_torch_set_interop_threads(int count);

    [LibraryImport(Library)]
    internal static partial int onnxmoe_torch_promote(int a, int b);

    [LibraryImport(Library)]
    internal static partial void onnxmoe_torch_set_default_type(int type);

    [LibraryImport(Library)]
    internal static partial int onnxmoe_torch_default_type();
}
