using OnnxMoe.Artifacts.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops;

/// <summary>
/// Copies between <see cref="HostTensor"/> and TorchSharp tensors. TorchSharp lacks uint16, uint32 and uint64: they are held
/// in int32, int64 and int64 (uint64 as the same bits, so exact below 2^63 and under +, - and *).
/// </summary>
public static class TorchTensors
{
    /// <summary>The TorchSharp type that holds elements of <paramref name="type"/>.</summary>
    public static ScalarType ScalarTypeOf(ElementType type) => type switch
    {
        ElementType.Float => ScalarType.Float32,
        ElementType.Double => ScalarType.Float64,
        ElementType.Float16 => ScalarType.Float16,
        ElementType.BFloat16 => ScalarType.BFloat16,
        ElementType.Bool => ScalarType.Bool,
        ElementType.UInt8 => ScalarType.Byte,
        ElementType.Int8 => ScalarType.Int8,
        ElementType.Int16 => ScalarType.Int16,
        ElementType.Int32 or ElementType.UInt16 => ScalarType.Int32,
        ElementType.Int64 or ElementType.UInt32 or ElementType.UInt64 => ScalarType.Int64,
        _ => throw new NotSupportedException($"No tensors of type {type}."),
    };

    /// <summary>The element type of an ordinary tensor.</summary>
    public static ElementType ElementTypeOf(ScalarType type) => type switch
    {
        ScalarType.Float32 => ElementType.Float,
        ScalarType.Float64 => ElementType.Double,
        ScalarType.Float16 => ElementType.Float16,
        ScalarType.BFloat16 => ElementType.BFloat16,
        ScalarType.Bool => ElementType.Bool,
        ScalarType.Byte => ElementType.UInt8,
        ScalarType.Int8 => ElementType.Int8,
        ScalarType.Int16 => ElementType.Int16,
        ScalarType.Int32 => ElementType.Int32,
        ScalarType.Int64 => ElementType.Int64,
        _ => throw new NotSupportedException($"No element type for {type}."),
    };

    /// <summary>A copy of <paramref name="host"/> on <paramref name="device"/> (default: CPU).</summary>
    public static Tensor ToTorch(HostTensor host, Device? device = null)
    {
        var tensor = empty(host.Shape, ScalarTypeOf(host.Type));
        if (host.Count > 0)
            Widen(host).CopyTo(tensor.bytes);
        return device is null || device.type == DeviceType.CPU ? tensor : tensor.to(device);
    }

    /// <summary>A copy of <paramref name="tensor"/>; <paramref name="type"/> tells what a held unsigned type really is.</summary>
    public static HostTensor ToHost(Tensor tensor, ElementType? type = null)
    {
        using var scope = NewDisposeScope();
        var contiguous = tensor.detach().cpu().contiguous();
        var data = contiguous.numel() == 0 ? [] : contiguous.bytes.ToArray();
        var natural = new HostTensor(ElementTypeOf(tensor.dtype), tensor.shape, data);
        return type is { } wanted && wanted != natural.Type ? Narrow(natural, wanted) : natural;
    }

    private static ReadOnlySpan<byte> Widen(HostTensor host) => host.Type switch
    {
        ElementType.UInt16 => HostTensor.From(Array.ConvertAll(host.AsSpan<ushort>().ToArray(), v => (int)v)).Data,
        ElementType.UInt32 => HostTensor.From(Array.ConvertAll(host.AsSpan<uint>().ToArray(), v => (long)v)).Data,
        _ => host.Data,
    };

    private static HostTensor Narrow(HostTensor held, ElementType type) => type switch
    {
        ElementType.UInt16 => new(type, held.Shape, HostTensor.From(Array.ConvertAll(held.AsSpan<int>().ToArray(), v => (ushort)v)).Data),
        ElementType.UInt32 => new(type, held.Shape, HostTensor.From(Array.ConvertAll(held.AsSpan<long>().ToArray(), v => (uint)v)).Data),
        ElementType.UInt64 => new(type, held.Shape, held.Data),
        _ => throw new NotSupportedException($"{held.Type} does not hold {type}."),
    };
}
