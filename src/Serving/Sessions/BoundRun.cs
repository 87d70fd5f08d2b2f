using Microsoft.ML.OnnxRuntime;

namespace OnnxMoe.Serving.Sessions;

/// <summary>The inputs of a run as ONNX Runtime has them: to bind some twenty of them anew for each token takes longer than its smallest products.</summary>
/// <param name="session">What runs.</param>
internal sealed class BoundRun(InferenceSession session) : IDisposable
{
    private readonly Dictionary<string, OrtValue> _inputs = [];

    /// <summary>For the outputs, and to run.</summary>
    public OrtIoBinding Binding { get; } = session.CreateIoBinding();

    /// <summary>Binds these inputs and no others; those that are bound already stay.</summary>
    public void BindInputs(IReadOnlyDictionary<string, OrtValue> inputs)
    {
        if (!_inputs.Keys.All(inputs.ContainsKey))
        {
            Binding.ClearBoundInputs();
            _inputs.Clear();
        }
        foreach (var (name, value) in inputs)
        {
            if (_inputs.TryGetValue(name, out var bound) && ReferenceEquals(bound, value))
                continue;
            Binding.BindInput(name, value);
            _inputs[name] = value;
        }
    }

    public void Dispose() => Binding.Dispose();
}
