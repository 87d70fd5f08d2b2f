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

    /// <summary>Throws a <see cref="UserError"/> that names the input when a tensor of this type and shape may not be fed to it.</summary>
    public void Check(ElementType type, long[] shape)
    {
        if (type != Type)
            throw new UserError($"The input '{Name}' must be of type {Type}, but is {type}.");
        if (Dimensions is null)
            return;
        if (shape.Length != Dimensions.Length || shape.Where((size, i) => Dimensions[i] >= 0 && size != Dimensions[i]).Any())
            throw new UserError($"The input '{Name}' must have the shape [{string.Join(",", Dimensions.Select(d => d < 0 ? "?" : d.ToString()))}], but has [{string.Join(",", shape)}].");
    }
}
