using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp.Native;

namespace TorchSharp;

/// <summary>Tensors from managed memory: copied, or shared with an array that stays pinned as long as the tensor lives.</summary>
public static unsafe partial class torch
{
    private static Tensor FromScalar<T>(T value, ScalarType? dtype, Device? device, bool requires_grad) where T : unmanaged
    {
        InitializeDevice(device);
        var tensor = empty(Array.Empty<long>(), TypeOf(typeof(T)));
        *(T*)tensor.DataPointer = value;
        return Made(Converted(tensor, dtype), requires_grad, null);
    }

    private static Tensor FromArray(Array array, long[] shape, ScalarType? dtype, Device? device, bool requires_grad, bool copy, string[]? names)
    {
        InitializeDevice(device);
        var elements = shape.TotalSize();
        if (elements > array.LongLength)
            throw new ArgumentException($"mismatched total size creating a tensor from an array: {elements} vs. {array.LongLength}");
        var type = TypeOf(array.GetType().GetElementType()!);
        var tensor = copy ? Copied(array, shape, type) : Share(array, shape, type);
        return Made(Converted(tensor, dtype), requires_grad, names);
    }

    private static Tensor Copied(Array array, long[] shape, ScalarType type)
    {
        var tensor = empty(shape, type);
        fixed (byte* source = &MemoryMarshal.GetArrayDataReference(array))
        {
            var bytes = tensor.numel() * type.ElementSize();
            Buffer.MemoryCopy(source, tensor.DataPointer, bytes, bytes);
        }
        return tensor;
    }

    private static Tensor Share(Array array, long[] shape, ScalarType type)
    {
        var pin = GCHandle.Alloc(array, GCHandleType.Pinned);
        fixed (long* sizes = shape)
        {
            var handle = Bridge.onnxmoe_torch_from_memory((void*)pin.AddrOfPinnedObject(), sizes, shape.Length, (int)type, &Unpin, GCHandle.ToIntPtr(pin));
            if (handle != 0)
                return new Tensor(handle);
        }
        var failure = Bridge.Failure();
        pin.Free();
        throw failure;
    }

    [UnmanagedCallersOnly]
    private static void Unpin(nint pin) => GCHandle.FromIntPtr(pin).Free();

    private static Tensor Converted(Tensor tensor, ScalarType? dtype)
    {
        if (dtype is not { } type || type == tensor.dtype)
            return tensor;
        using (tensor)
            return tensor.to_type(type);
    }

    private static T[] Listed<T>(IList<T> list) => list as T[] ?? [.. list];

    private static long[] Shape(Array array)
    {
        var shape = new long[array.Rank];
        for (var i = 0; i < shape.Length; i++)
            shape[i] = array.GetLongLength(i);
        return shape;
    }

    private static ScalarType TypeOf(Type type) =>
        type == typeof(float) ? ScalarType.Float32
        : type == typeof(long) ? ScalarType.Int64
        : type == typeof(double) ? ScalarType.Float64
        : type == typeof(int) ? ScalarType.Int32
        : type == typeof(bool) ? ScalarType.Bool
        : type == typeof(byte) ? ScalarType.Byte
        : type == typeof(sbyte) ? ScalarType.Int8
        : type == typeof(short) ? ScalarType.Int16
        : type == typeof(Half) ? ScalarType.Float16
        : throw new NotSupportedException($"The type {type.Name} is not supported as the element type of a tensor.");
}
