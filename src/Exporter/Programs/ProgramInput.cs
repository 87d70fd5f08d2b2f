using Onnx;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;

namespace OnnxMoe.Exporter.Programs;

/// <summary>An input of a model: its name, element type and dimensions (null: not said; -1: any size).</summary>
public sealed record ProgramInput(string Name, ElementType Type, long[]? Dimensions)
{
    /// <exception cref="UserError">The input is a sequence, a map or optional.</exception>
    public static ProgramInput From(ValueInfoProto info)
    {
        if (info.Type?.TensorType is not { } tensor)
            throw new UserError($"The input '{info.Name}' is not a tensor but a {info.Type?.ValueCase}, which is not supported.");
        var dimensions = tensor.Shape?.Dim.Select(d => d.ValueCase == TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue ? d.DimValue : -1).ToArray();
        return new ProgramInput(info.Name, (ElementType)tensor.ElemType, dimensions);
    }

    /// <summary>
    /// The tensor as this input takes it. bfloat16 may come as the bits in uint16, since neither NumPy nor ONNX's own test data
    /// have the type. Throws a <see cref="UserError"/> that names the input when type or shape do not fit.
    /// </summary>
    public HostTensor Fit(HostTensor tensor)
    {
        if (Type == ElementType.BFloat16 && tensor.Type == ElementType.UInt16)
            tensor = new HostTensor(Type, tensor.Shape, tensor.Data);
        if (tensor.Type != Type)
            throw new UserError($"The input '{Name}' must be of type {Type}, but is {tensor.Type}.");
        var shape = tensor.Shape;
        if (Dimensions is not null && (shape.Length != Dimensions.Length || shape.Where((size, i) => Dimensions[i] >= 0 && size != Dimensions[i]).Any()))
            throw new UserError($"The input '{Name}' must have the shape [{string.Join(",", Dimensions.Select(d => d < 0 ? "?" : d.ToString()))}], but has [{string.Join(",", shape)}].");
        return tensor;
    }
}
