namespace OnnxMoe.Artifacts.Tensors;

/// <summary>One tensor of a safetensors file, as its header describes it.</summary>
/// <param name="Name">The tensor's name.</param>
/// <param name="DataType">The header's word for the element type, for example F32 or F8_E4M3.</param>
/// <param name="Shape">Sizes of the dimensions; empty for a scalar.</param>
/// <param name="Begin">First byte in the data buffer.</param>
/// <param name="End">First byte after the tensor in the data buffer.</param>
public sealed record SafetensorsEntry(string Name, string DataType, long[] Shape, long Begin, long End);
