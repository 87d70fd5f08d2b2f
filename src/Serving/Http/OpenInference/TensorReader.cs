using System.Text.Json;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace OnnxMoe.Serving.Http.OpenInference;

/// <summary>Reads the tensors of a request.</summary>
internal static class TensorReader
{
    /// <summary>The most elements one tensor of a request may have.</summary>
    private const long MostElements = int.MaxValue / 8;

    /// <summary>Makes the tensor that the fields name, shape, datatype and data describe.</summary>
    /// <param name="fields">One element of <c>inputs</c>.</param>
    /// <param name="expected">What the model wants at this name.</param>
    /// <param name="symbols">Sizes of the named dimensions so far; what this tensor has is added.</param>
    /// <exception cref="ApiError">Another datatype, a shape that does not fit, or data that is not of the shape or type.</exception>
    public static OrtValue Read(JsonFields fields, TensorDescription expected, Dictionary<string, (long Size, string Input)> symbols)
    {
        var datatype = fields.Text("datatype") ?? throw fields.Error("datatype", $"is missing; the input {expected.Name} is {Datatypes.NameOf(expected.Type)}.");
        if (datatype != Datatypes.NameOf(expected.Type))
            throw fields.Error("datatype", $"is {datatype}, but the input {expected.Name} is {Datatypes.NameOf(expected.Type)}.");
        if (!Datatypes.HasJsonForm(expected.Type))
            throw fields.Error("datatype", $"{datatype} of the input {expected.Name} has no JSON form; this server reads {Datatypes.All}.");
        var shape = ReadShape(fields, expected, symbols);
        var count = shape.Aggregate(1L, (product, size) => product > MostElements ? product : product * size);
        if (count > MostElements)
            throw fields.Error("shape", $"[{string.Join(",", shape)}] has more than {MostElements} elements.");

        var data = fields.List("data") ?? throw fields.Error("data", "is missing; it is the array of the elements, row by row.");
        var elements = new List<JsonElement>(data.Count);
        foreach (var element in data)
            Flatten(element, elements);
        if (elements.Count != count)
            throw fields.Error("data", $"has {elements.Count} elements, but the shape [{string.Join(",", shape)}] of {expected.Name} has {count}.");
        return expected.Type switch
        {
            TensorElementType.Bool => Make(element => element.ValueKind is JsonValueKind.True or JsonValueKind.False
                ? element.GetBoolean()
                : element.TryGetInt32(out var bit) && bit is 0 or 1 ? bit == 1 : throw new FormatException()),
            TensorElementType.UInt8 => Make(element => element.GetByte()),
            TensorElementType.UInt16 => Make(element => element.GetUInt16()),
            TensorElementType.UInt32 => Make(element => element.GetUInt32()),
            TensorElementType.UInt64 => Make(element => element.GetUInt64()),
            TensorElementType.Int8 => Make(element => element.GetSByte()),
            TensorElementType.Int16 => Make(element => element.GetInt16()),
            TensorElementType.Int32 => Make(element => element.GetInt32()),
            TensorElementType.Int64 => Make(element => element.GetInt64()),
            TensorElementType.Float16 => Make(element => (Float16)(float)Number(element)),
            TensorElementType.Float => Make(element => (float)Number(element)),
            TensorElementType.Double => Make(Number),
            _ => MakeStrings(),
        };

        OrtValue Make<T>(Func<JsonElement, T> convert) where T : unmanaged
        {
            var values = new T[elements.Count];
            for (var i = 0; i < values.Length; i++)
                values[i] = Convert(i, convert);
            return OrtValue.CreateTensorValueFromMemory(values, shape);
        }

        OrtValue MakeStrings()
        {
            var value = OrtValue.CreateTensorWithEmptyStrings(OrtAllocator.DefaultInstance, shape);
            for (var i = 0; i < elements.Count; i++)
                value.StringTensorSetElementAt(Convert(i, element => element.GetString() ?? throw new FormatException()).AsSpan(), i);
            return value;
        }

        T Convert<T>(int i, Func<JsonElement, T> convert)
        {
            try
            {
                return convert(elements[i]);
            }
            catch (Exception problem) when (problem is FormatException or InvalidOperationException)
            {
                throw fields.Error("data", $"of {expected.Name} holds {JsonFields.Describe(elements[i])} at place {i}, which is no {datatype}.");
            }
        }
    }

    /// <summary>Numbers, and the three that JSON has no form for as words: "NaN", "Infinity", "-Infinity".</summary>
    private static double Number(JsonElement element) => element.ValueKind != JsonValueKind.String ? element.GetDouble() : element.GetString() switch
    {
        "NaN" => double.NaN,
        "Infinity" => double.PositiveInfinity,
        "-Infinity" => double.NegativeInfinity,
        _ => throw new FormatException(),
    };

    /// <summary>Data may be flat or nested; either way the elements come row by row.</summary>
    private static void Flatten(JsonElement element, List<JsonElement> into)
    {
        if (element.ValueKind != JsonValueKind.Array)
        {
            into.Add(element);
            return;
        }
        foreach (var inner in element.EnumerateArray())
            Flatten(inner, into);
    }

    private static long[] ReadShape(JsonFields fields, TensorDescription expected, Dictionary<string, (long Size, string Input)> symbols)
    {
        var list = fields.List("shape") ?? throw fields.Error("shape", $"is missing; the input {expected.Name} has the shape [{string.Join(",", expected.Shape)}].");
        var shape = list.Select(size => size.ValueKind == JsonValueKind.Number && size.TryGetInt64(out var number) && number >= 0
            ? number
            : throw fields.Error("shape", $"holds {JsonFields.Describe(size)}, but sizes are whole numbers from 0.")).ToArray();
        if (shape.Length != expected.Shape.Count || shape.Where((size, i) => expected.Shape[i] >= 0 && expected.Shape[i] != size).Any())
            throw fields.Error("shape", $"is [{string.Join(",", shape)}], but the input {expected.Name} has the shape [{string.Join(",", expected.Shape)}] (-1 = any size).");
        for (var i = 0; i < shape.Length; i++)
        {
            if (expected.Shape[i] >= 0 || expected.Symbols[i].Length == 0)
                continue;
            if (!symbols.TryAdd(expected.Symbols[i], (shape[i], expected.Name)) && symbols[expected.Symbols[i]] is var (size, input) && size != shape[i])
                throw fields.Error("shape", $"has {shape[i]} for the size '{expected.Symbols[i]}' of {expected.Name}, but {input} has {size} there; they must be equal.");
        }
        return shape;
    }
}
