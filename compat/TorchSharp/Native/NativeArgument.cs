using System.Runtime.InteropServices;

namespace TorchSharp.Native;

/// <summary>What an argument or result of an operator holds; the numbers are those of native/torch/bridge.h.</summary>
internal enum Tag
{
    None = 0,
    Default = 1,
    Tensor = 2,
    Int = 3,
    Double = 4,
    Bool = 5,
    Ints = 6,
    Doubles = 7,
    Tensors = 8,
    String = 9,
    Device = 10,
    Generator = 11,
}

/// <summary>An argument as the bridge reads it.</summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal unsafe struct NativeArgument
{
    [FieldOffset(0)]
    internal Tag Tag;

    [FieldOffset(4)]
    internal int Count;

    [FieldOffset(8)]
    internal long Integer;

    [FieldOffset(8)]
    internal double Real;

    [FieldOffset(8)]
    internal void* Pointer;

    [FieldOffset(8)]
    internal nint Handle;
}
