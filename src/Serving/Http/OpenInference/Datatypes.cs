using Microsoft.ML.OnnxRuntime.Tensors;

namespace OnnxMoe.Serving.Http.OpenInference;

/// <summary>The Open Inference Protocol's names of element types.</summary>
internal static class Datatypes
{
    private static readonly (string Name, TensorElementType Type)[] Known =
    [
        ("BOOL", TensorElementType.Bool),
        ("UINT8", TensorElementType.UInt8),
        ("UINT16", TensorElementType.UInt16),
        ("UINT32", TensorElementType.UInt32),
        ("UINT64", TensorElementType.UInt64),
        ("INT8", TensorElementType.Int8),
        ("INT16", TensorElementType.Int16),
        ("INT32", TensorElementType.Int32),
        ("INT64", TensorElementType.Int64),
        ("FP16", TensorElementType.Float16),
        ("FP32", TensorElementType.Float),
        ("FP64", TensorElementType.Double),
        ("BYTES", TensorElementType.String),
    ];

    /// <summary>The protocol's name; for a type it has none for (BF16 has no JSON form), ONNX's.</summary>
    public static string NameOf(TensorElementType type) => Known.FirstOrDefault(known => known.Type == type).Name ?? type.ToString().ToUpperInvariant();

    /// <summary>Whether tensors of the type can be written as JSON.</summary>
    public static bool HasJsonForm(TensorElementType type) => Known.Any(known => known.Type == type);

    public static string All => string.Join(", ", Known.Select(known => known.Name));
}
