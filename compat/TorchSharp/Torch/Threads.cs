using TorchSharp.Native;

namespace TorchSharp;

public static partial class torch
{
    public static int get_num_threads() => Bridge.onnxmoe_torch_threads();

    public static void set_num_threads(int num) => Bridge.Check(Bridge.onnxmoe_torch_set_threads(num));

    public static int get_num_interop_threads() => Bridge.onnxmoe_torch_interop_threads();

    public static void set_num_interop_threads(int num) => Bridge.Check(Bridge.onnxmoe_torch_set_interop_threads(num));
}
