using Onnx;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Ops;
using TorchSharp;
using static TorchSharp.torch;

namespace OnnxMoe.Exporter.Programs;

/// <summary>
/// An ONNX model read back: its nodes run through any <see cref="OpSet"/>. Through <see cref="TorchOps"/> that computes the
/// outputs, differentiably, so that a model that came from anywhere can be fine-tuned; through the exporter's ops it writes the
/// model again. Operators of opsets other than 17 are brought to that form (<see cref="OpsetAdapter"/>), If, Loop and
/// model-local functions are run, and the project's own MoE functions are taken as the operators that they are.
/// </summary>
public sealed class OnnxProgram
{
    private readonly ProgramGraph _graph;
    private readonly Dictionary<string, Weight> _weights = [];

    private OnnxProgram(ModelProto model, string? folder)
    {
        Opset = (int)(model.OpsetImport.FirstOrDefault(import => import.Domain is "" or "ai.onnx")?.Version ?? OpSet.OnnxOpset);
        _graph = ProgramGraph.From(model.Graph, folder);
        Functions = model.Functions.ToDictionary(f => (f.Domain, f.Name), f => ProgramFunction.From(f, Opset, folder));
        Inputs = [.. model.Graph.Input.Where(i => !_graph.Initializers.ContainsKey(i.Name)).Select(ProgramInput.From)];
        OptionalInputs = [.. ModelFile.OptionalInputs(model).Select(ProgramInput.From)];
        Initializers = _graph.Initializers.Where(pair => OptionalInputs.All(input => input.Name != pair.Key)).ToDictionary();
    }

    /// <summary>The opset of the domain ai.onnx that the model uses.</summary>
    public int Opset { get; }

    /// <summary>The inputs that must be given, in the model's order.</summary>
    public IReadOnlyList<ProgramInput> Inputs { get; }

    /// <summary>The inputs that have a default and may be left out.</summary>
    public IReadOnlyList<ProgramInput> OptionalInputs { get; }

    /// <summary>Names of the outputs, in the model's order.</summary>
    public IReadOnlyList<string> Outputs => _graph.Outputs;

    /// <summary>The constants of the model by name.</summary>
    public IReadOnlyDictionary<string, HostTensor> Initializers { get; }

    /// <summary>The initializers made trainable by <see cref="MakeTrainable"/>.</summary>
    public IReadOnlyCollection<Weight> Weights => _weights.Values;

    internal IReadOnlyDictionary<(string Domain, string Name), ProgramFunction> Functions { get; }

    /// <summary>Reads a model and its external data.</summary>
    /// <exception cref="UserError">Missing, truncated or not a model.</exception>
    public static OnnxProgram Load(string path) => new(ModelFile.Load(path), Path.GetDirectoryName(Path.GetFullPath(path)));

    /// <param name="model">The model.</param>
    /// <param name="folder">Where its external data lie; null: it has none.</param>
    public static OnnxProgram From(ModelProto model, string? folder = null) => new(model, folder);

    /// <summary>Turns the float initializers with at least one dimension (or those that <paramref name="which"/> picks) into weights.</summary>
    public void MakeTrainable(Func<string, bool>? which = null)
    {
        foreach (var (name, tensor) in Initializers)
        {
            if (tensor.Type == ElementType.Float && (which?.Invoke(name) ?? tensor.Shape.Length > 0))
                _weights.TryAdd(name, new Weight(name, new TorchSharp.Modules.Parameter(TorchTensors.ToTorch(tensor), true)));
        }
    }

    /// <summary>Computes all outputs by name.</summary>
    /// <param name="ops">What runs the operators.</param>
    /// <param name="inputs">A value for each of <see cref="Inputs"/>, and for those of <see cref="OptionalInputs"/> that are to differ from their default.</param>
    /// <exception cref="UserError">An input is missing, or a node cannot be run: an operator outside of the set, or shapes that do not fit.</exception>
    public IReadOnlyDictionary<string, Value> Run(OpSet ops, IReadOnlyDictionary<string, Value> inputs)
    {
        using var scope = ops is TorchOps ? NewDisposeScope() : null;
        var values = new ProgramValues(null);
        foreach (var (name, tensor) in Initializers)
            values[name] = _weights.TryGetValue(name, out var weight) ? ops.Weight(weight) : ops.Constant(tensor);
        foreach (var input in OptionalInputs)
            values[input.Name] = inputs.TryGetValue(input.Name, out var value) ? value : ops.Constant(_graph.Initializers[input.Name]);
        foreach (var input in Inputs)
        {
            values[input.Name] = inputs.TryGetValue(input.Name, out var value)
                ? value
                : throw new UserError($"The input '{input.Name}' is missing; the model needs {string.Join(", ", Inputs.Select(i => i.Name))}.");
        }
        new ProgramRun(this, ops).Execute(_graph, values, Opset, null);
        var results = Outputs.ToDictionary(name => name, name => values.Find(name)!);
        if (scope is not null)
            KeepTensors(scope, results.Values);
        return results;
    }

    private static void KeepTensors(DisposeScope scope, IEnumerable<Value> results)
    {
        foreach (var value in results.OfType<TorchValue>().Distinct())
        {
            if (scope.Contains(value.Tensor))
                scope.MoveToOuter(value.Tensor);
        }
    }
}
