using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Http.OpenInference;

/// <summary>Any ONNX model behind the Open Inference Protocol: tensors in, tensors out. Requests run side by side.</summary>
/// <param name="name">The name that requests give.</param>
/// <param name="graph">The loaded model; the caller keeps and disposes it.</param>
public sealed class TensorModel(string name, IModelGraph graph)
{
    private readonly IReadOnlyList<TensorDescription> _inputs =
    [
        .. graph.Inputs.Select(input => TensorDescription.Of(input.Key, input.Value)).OfType<TensorDescription>(),
        .. graph.OptionalInputs.Select(input => TensorDescription.Of(input.Key, input.Value)).OfType<TensorDescription>().Select(input => input with { Optional = true }),
    ];

    private long _requests;

    /// <summary>The name that requests give.</summary>
    public string Name => name;

    /// <summary>Version of the one version there is.</summary>
    public const string Version = "1";

    internal JsonObject Describe() => new()
    {
        ["name"] = name,
        ["versions"] = new JsonArray(Version),
        ["platform"] = "onnx_onnxv1",
        ["inputs"] = new JsonArray([.. _inputs.Select(input => input.ToJson())]),
        ["outputs"] = new JsonArray([.. graph.Outputs.Select(output => TensorDescription.Of(output.Key, output.Value)?.ToJson())]),
    };

    /// <summary>Answers one request.</summary>
    /// <exception cref="ApiError">The request does not fit the model.</exception>
    internal JsonObject Infer(JsonFields request)
    {
        var id = request.Text("id");
        var outputs = ReadOutputs(request);
        var inputs = new Dictionary<string, OrtValue>();
        OrtValue[] results = [];
        try
        {
            ReadInputs(request, inputs);
            results = Run(inputs, outputs);
            return new()
            {
                ["model_name"] = name,
                ["model_version"] = Version,
                ["id"] = id,
                ["outputs"] = new JsonArray([.. results.Select((value, i) => (JsonNode)TensorWriter.Write(outputs[i], value))]),
            };
        }
        finally
        {
            foreach (var value in results)
                value.Dispose();
            foreach (var value in inputs.Values)
                value.Dispose();
        }
    }

    private OrtValue[] Run(Dictionary<string, OrtValue> inputs, IReadOnlyList<string> outputs)
    {
        try
        {
            return graph.Run([new(inputs, [.. outputs.Select(output => (output, false))]) { Request = Interlocked.Increment(ref _requests) }])[0].Values;
        }
        catch (OnnxRuntimeException problem)
        {
            // The request's form is right by now, so its values are what the model cannot take: an index out of range, sizes that do not match.
            throw ApiError.BadRequest($"The model cannot compute with these inputs: {problem.Message.Split('\n')[0]}", "inputs");
        }
    }

    private void ReadInputs(JsonFields request, Dictionary<string, OrtValue> inputs)
    {
        var list = request.List("inputs") ?? throw request.Error("inputs", "is missing; it is the array of the input tensors.");
        var symbols = new Dictionary<string, (long, string)>();
        for (var i = 0; i < list.Count; i++)
        {
            if (list[i].ValueKind != JsonValueKind.Object)
                throw request.Error($"inputs[{i}]", $"must be an object, not {JsonFields.Describe(list[i])}.");
            var fields = new JsonFields(list[i], $"inputs[{i}].");
            var input = fields.Text("name") ?? throw fields.Error("name", "is missing.");
            var expected = _inputs.FirstOrDefault(known => known.Name == input)
                ?? throw fields.Error("name", $"is '{input}', but the model's inputs are {string.Join(", ", _inputs.Select(known => known.Name))}.");
            if (inputs.ContainsKey(input))
                throw fields.Error("name", $"gives the input {input} a second time.");
            inputs[input] = TensorReader.Read(fields, expected, symbols);
        }
        if (_inputs.FirstOrDefault(known => !known.Optional && !inputs.ContainsKey(known.Name)) is { } missing)
            throw request.Error("inputs", $"lacks the input {missing.Name}.");
    }

    private IReadOnlyList<string> ReadOutputs(JsonFields request)
    {
        if (request.List("outputs") is not { Count: > 0 } list)
            return [.. graph.Outputs.Keys];
        string[] outputs = [.. list.Select((element, i) =>
        {
            var output = element.ValueKind == JsonValueKind.Object ? new JsonFields(element, $"outputs[{i}].").Text("name") : null;
            return output is not null && graph.Outputs.ContainsKey(output)
                ? output
                : throw request.Error($"outputs[{i}].name", $"is '{output}', but the model's outputs are {string.Join(", ", graph.Outputs.Keys)}.");
        })];
        return [.. outputs.Distinct()];
    }
}
