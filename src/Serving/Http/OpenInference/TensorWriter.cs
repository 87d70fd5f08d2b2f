using System.Text.Json.Nodes;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace OnnxMoe.Serving.Http.OpenInference;

/// <summary>Writes the tensors of an answer.</summary>
internal static class TensorWriter
{
    /// <summary>Name, datatype, shape and flat data of an output.</summary>
    /// <exception cref="ApiError">The output is not a tensor, or of a type without a JSON form.</exception>
    public static JsonObject Write(string name, OrtValue value)
    {
        if (!value.IsTensor)
            throw ApiError.BadRequest($"The output {name} is not a tensor and has no JSON form; leave it out of 'outputs'.", "outputs");
        var info = value.GetTensorTypeAndShape();
        return new()
        {
            ["name"] = name,
            ["datatype"] = Datatypes.NameOf(info.ElementDataType),
            ["shape"] = new JsonArray([.. info.Shape.Select(size => (JsonNode)size)]),
            ["data"] = new JsonArray(Elements(name, value, info)),
        };
    }

    private static JsonNode[] Elements(string name, OrtValue value, OrtTensorTypeAndShapeInfo info) => info.ElementDataType switch
    {
        _ when info.ElementCount == 0 => [],
        TensorElementType.Bool => Make<bool>(value, x => x),
        TensorElementType.UInt8 => Make<byte>(value, x => x),
        TensorElementType.UInt16 => Make<ushort>(value, x => x),
        TensorElementType.UInt32 => Make<uint>(value, x => x),
        TensorElementType.UInt64 => Make<ulong>(value, x => x),
        TensorElementType.Int8 => Make<sbyte>(value, x => x),
        TensorElementType.Int16 => Make<short>(value, x => x),
        TensorElementType.Int32 => Make<int>(value, x => x),
        TensorElementType.Int64 => Make<long>(value, x => x),
        TensorElementType.Float16 => Make<Float16>(value, x => Number((float)x, (float)x)),
        TensorElementType.Float => Make<float>(value, x => Number(x, x)),
        TensorElementType.Double => Make<double>(value, x => Number(x, x)),
        TensorElementType.String => Array.ConvertAll(value.GetStringTensorAsArray(), x => (JsonNode)x),
        _ => throw ApiError.BadRequest($"The output {name} has the type {info.ElementDataType}, which has no JSON form; leave it out of 'outputs'.", "outputs"),
    };

    private static JsonNode[] Make<T>(OrtValue value, Func<T, JsonNode> convert) where T : unmanaged
    {
        var data = value.GetTensorDataAsSpan<T>();
        var nodes = new JsonNode[data.Length];
        for (var i = 0; i < nodes.Length; i++)
            nodes[i] = convert(data[i]);
        return nodes;
    }

    /// <summary>The number, or the word for what JSON has no number for.</summary>
    private static JsonNode Number(double value, JsonNode node) => value switch
    {
        double.PositiveInfinity => "Infinity",
        double.NegativeInfinity => "-Infinity",
        _ => double.IsNaN(value) ? "NaN" : node,
    };
}
