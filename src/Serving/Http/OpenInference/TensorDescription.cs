using System.Text.Json.Nodes;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace OnnxMoe.Serving.Http.OpenInference;

/// <summary>An input or output of a model.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Element type.</param>
/// <param name="Shape">Sizes; -1 where a size varies.</param>
/// <param name="Symbols">The names of varying sizes; empty where a size is fixed or has no name. Equal names mean equal sizes.</param>
internal sealed record TensorDescription(string Name, TensorElementType Type, IReadOnlyList<int> Shape, IReadOnlyList<string> Symbols)
{
    /// <summary>True for an input with a default, which a request may leave out.</summary>
    public bool Optional { get; init; }

    /// <summary>Describes the tensors among <paramref name="metadata"/>; null for one that is no tensor (a sequence, a map).</summary>
    public static TensorDescription? Of(string name, NodeMetadata metadata) => metadata.IsTensor
        ? new(name, metadata.ElementDataType, metadata.Dimensions, metadata.SymbolicDimensions)
        : null;

    public JsonObject ToJson()
    {
        var json = new JsonObject
        {
            ["name"] = Name,
            ["datatype"] = Datatypes.NameOf(Type),
            ["shape"] = new JsonArray([.. Shape.Select(size => (JsonNode)size)]),
        };
        if (Optional)
            json["parameters"] = new JsonObject { ["optional"] = true };
        return json;
    }
}
