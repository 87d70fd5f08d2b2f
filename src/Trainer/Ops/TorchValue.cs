using OnnxMoe.Artifacts.Tensors;
using static TorchSharp.torch;

namespace OnnxMoe.Trainer.Ops;

/// <summary>
/// A computed tensor. Constants keep their host copy, so that shapes, axes and scalars never take part in a tensor
/// operation; the TorchSharp tensor is then made when first asked for (again, if its dispose scope has ended).
/// </summary>
public sealed class TorchValue : Value
{
    private readonly TorchOps _ops;
    private HostTensor? _host;
    private Tensor? _tensor;
    private long[]? _integers;

    internal TorchValue(TorchOps ops, Tensor tensor, ElementType? type = null) : base(ops) =>
        (_ops, _tensor, Type) = (ops, tensor, type ?? TorchTensors.ElementTypeOf(tensor.dtype));

    internal TorchValue(TorchOps ops, HostTensor host) : base(ops) => (_ops, _host, Type) = (ops, host, host.Type);

    public override ElementType Type { get; }

    /// <summary>The tensor itself, with its autograd history.</summary>
    public Tensor Tensor
    {
        get
        {
            if (_tensor is null || (_host is not null && _tensor.IsInvalid))
                _tensor = TorchTensors.ToTorch(_host!, _ops.Device);
            return _tensor;
        }
    }

    /// <summary>Sizes of the dimensions.</summary>
    public long[] Shape => _host is null ? Tensor.shape : _host.Shape;

    /// <summary>The host copy, when the value is a constant; null for anything computed.</summary>
    internal HostTensor? Known => _host;

    /// <summary>True when the tensor is the result of an operator and no constant.</summary>
    public bool IsComputed => _host is null && _tensor is not TorchSharp.Modules.Parameter;

    /// <summary>All elements as 64-bit integers, read from the device at most once.</summary>
    public long[] Integers => _integers ??= ToHost().ToInt64();

    /// <summary>The elements in ordinary memory. Shared, not a copy, for constants: do not write to it.</summary>
    public HostTensor ToHost() => _host ?? TorchTensors.ToHost(Tensor, Type);

    public override string ToString() => $"{Type}[{string.Join(",", Shape)}]";
}
