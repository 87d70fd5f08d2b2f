using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.RateLimiting;
using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Serving.Generation;
using OnnxMoe.Serving.Observability;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Http.OpenInference;

/// <summary>Any ONNX model behind the Open Inference Protocol: tensors in, tensors out. Some requests run side by side, others wait.</summary>
public sealed class TensorModel : IDisposable
{
    private readonly IModelGraph _graph;
    private readonly InferenceMetrics _metrics;
    private readonly ConcurrencyLimiter _slots;
    private readonly LoadEstimate _load = new(TimeProvider.System);
    private readonly Lock _gate = new();
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running; // guarded by _gate
    private bool _closed; // guarded by _gate
    private long _requests;

    /// <param name="name">The name that requests give.</param>
    /// <param name="graph">The loaded model; the caller keeps it, and disposes it after this.</param>
    /// <param name="metrics">Where requests are counted.</param>
    /// <param name="slots">Requests that run at the same time.</param>
    /// <param name="queueLimit">Requests that may wait.</param>
    internal TensorModel(string name, IModelGraph graph, InferenceMetrics metrics, int slots, int queueLimit)
    {
        (Name, _graph, _metrics) = (name, graph, metrics);
        _slots = new(new() { PermitLimit = slots, QueueLimit = queueLimit });
    }

    /// <summary>The name that requests give.</summary>
    public string Name { get; }

    /// <summary>Asked for late, since a graph may be loaded when it is first used.</summary>
    private IReadOnlyList<TensorDescription> Inputs => field ??=
    [
        .. _graph.Inputs.Select(input => TensorDescription.Of(input.Key, input.Value)).OfType<TensorDescription>(),
        .. _graph.OptionalInputs.Select(input => TensorDescription.Of(input.Key, input.Value)).OfType<TensorDescription>().Select(input => input with { Optional = true }),
    ];

    /// <summary>Version of the one version there is.</summary>
    public const string Version = "1";

    internal JsonObject Describe() => new()
    {
        ["name"] = Name,
        ["versions"] = new JsonArray(Version),
        ["platform"] = "onnx_onnxv1",
        ["inputs"] = new JsonArray([.. Inputs.Select(input => input.ToJson())]),
        ["outputs"] = new JsonArray([.. _graph.Outputs.Select(output => TensorDescription.Of(output.Key, output.Value)?.ToJson())]),
    };

    /// <summary>Answers one request when its turn has come.</summary>
    /// <exception cref="ApiError">The request does not fit the model, or the queue is full (429).</exception>
    /// <exception cref="EngineBusyException">The server is shutting down.</exception>
    internal async Task<JsonObject> InferAsync(JsonFields request, CancellationToken cancellation)
    {
        var arrived = TimeProvider.System.GetTimestamp();
        using var slot = await _slots.AcquireAsync(1, cancellation);
        if (!slot.IsAcquired)
            throw new ApiError(429, "The queue of tensor requests is full; try again later.", code: "queue_full") { RetryAfter = _load.SecondsFor(Waiting) };
        Enter();
        try
        {
            return await Task.Run(() => Infer(request, arrived), cancellation);
        }
        catch (ApiError)
        {
            _metrics.Failed();
            throw;
        }
        finally
        {
            _load.Ended();
            Leave();
        }
    }

    /// <summary>Waits for the runs that are under way, and refuses further ones.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _closed = true;
            if (_running == 0)
                _idle.TrySetResult();
        }
        _idle.Task.Wait();
        _slots.Dispose();
    }

    private int Waiting => (int)(_slots.GetStatistics()?.CurrentQueuedCount ?? 0);

    private void Enter()
    {
        lock (_gate)
        {
            if (_closed)
                throw new EngineBusyException("The server is shutting down and takes no further requests.", stopping: true);
            _running++;
        }
    }

    private void Leave()
    {
        lock (_gate)
            if (--_running == 0 && _closed)
                _idle.TrySetResult();
    }

    private JsonObject Infer(JsonFields request, long arrived)
    {
        var started = TimeProvider.System.GetTimestamp();
        var outputs = ReadOutputs(request);
        var inputs = new Dictionary<string, OrtValue>();
        OrtValue[] results = [];
        try
        {
            ReadInputs(request, inputs);
            var read = TimeProvider.System.GetTimestamp();
            results = Run(inputs, outputs);
            var computed = TimeProvider.System.GetTimestamp();
            var answer = new JsonObject { ["model_name"] = Name, ["model_version"] = Version };
            if (request.Text("id") is { } id)
                answer["id"] = id;
            answer["outputs"] = new JsonArray([.. results.Select((value, i) => (JsonNode)TensorWriter.Write(outputs[i], value))]);
            _metrics.Succeeded(Rows(inputs), arrived, started, read, computed);
            return answer;
        }
        finally
        {
            foreach (var value in results)
                value.Dispose();
            foreach (var value in inputs.Values)
                value.Dispose();
        }
    }

    /// <summary>The size of the batch: the first size of the first input where that varies, else 1.</summary>
    private long Rows(Dictionary<string, OrtValue> inputs) =>
        Inputs.FirstOrDefault(input => !input.Optional) is { Shape: [-1, ..] } first ? inputs[first.Name].GetTensorTypeAndShape().Shape[0] : 1;

    private OrtValue[] Run(Dictionary<string, OrtValue> inputs, IReadOnlyList<string> outputs)
    {
        try
        {
            return _graph.Run([new(inputs, [.. outputs.Select(output => (output, false))]) { Request = Interlocked.Increment(ref _requests) }])[0].Values;
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
            var expected = Inputs.FirstOrDefault(known => known.Name == input)
                ?? throw fields.Error("name", $"is '{input}', but the model's inputs are {string.Join(", ", Inputs.Select(known => known.Name))}.");
            if (inputs.ContainsKey(input))
                throw fields.Error("name", $"gives the input {input} a second time.");
            inputs[input] = TensorReader.Read(fields, expected, symbols);
        }
        if (Inputs.FirstOrDefault(known => !known.Optional && !inputs.ContainsKey(known.Name)) is { } missing)
            throw request.Error("inputs", $"lacks the input {missing.Name}.");
    }

    private IReadOnlyList<string> ReadOutputs(JsonFields request)
    {
        if (request.List("outputs") is not { Count: > 0 } list)
            return [.. _graph.Outputs.Keys];
        string[] outputs = [.. list.Select((element, i) =>
        {
            var output = element.ValueKind == JsonValueKind.Object ? new JsonFields(element, $"outputs[{i}].").Text("name") : null;
            return output is not null && _graph.Outputs.ContainsKey(output)
                ? output
                : throw request.Error($"outputs[{i}].name", $"is '{output}', but the model's outputs are {string.Join(", ", _graph.Outputs.Keys)}.");
        })];
        return [.. outputs.Distinct()];
    }
}
