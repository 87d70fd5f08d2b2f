using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Graphs;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Programs;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Ops;
using TorchSharp;

namespace OnnxMoe.Exporter.Running;

/// <summary>Runs any ONNX model on tensors from files: the verb <c>run</c>.</summary>
public static class ModelRunner
{
    /// <summary>Reads the inputs, runs the model, writes the outputs and reports each in one line.</summary>
    /// <exception cref="UserError">The model cannot be read or run, or an input is missing or does not fit.</exception>
    public static void Execute(RunOptions options, TextWriter log)
    {
        foreach (var (setting, value) in new[] { (nameof(options.Model), options.Model), (nameof(options.Inputs), options.Inputs), (nameof(options.Outputs), options.Outputs) })
        {
            if (value.Length == 0)
                throw new UserError($"The setting Run:{setting} is not given: onnxmoe run MODEL.onnx --inputs FOLDER --outputs FOLDER.");
        }
        var (specs, optional) = ModelInputs(options.Model);
        var folder = new TensorFolder(options.Inputs);
        var inputs = new Dictionary<string, HostTensor>();
        for (var i = 0; i < specs.Length; i++)
            inputs[specs[i].Name] = specs[i].Fit(folder.Read(specs[i].Name, i));
        foreach (var spec in optional)
        {
            if (folder.Find(spec.Name) is { } tensor)
                inputs[spec.Name] = spec.Fit(tensor);
        }
        var outputs = Run(options.Model, options.Engine, inputs, options.Kernels);
        for (var i = 0; i < outputs.Count; i++)
        {
            var (name, tensor) = outputs[i];
            var path = folder.Write(options.Outputs, name, i, tensor);
            log.WriteLine($"{name} {tensor} -> {path}");
        }
    }

    /// <summary>Runs a model file on tensors.</summary>
    /// <param name="model">Path of the model.</param>
    /// <param name="engine">"torch" or "onnxruntime"</param>
    /// <param name="inputs">A tensor for each input of the model; those with a default may be left out.</param>
    /// <param name="kernels">With ONNX Runtime: whether the native kernels compute the MoE ops.</param>
    /// <returns>All outputs, in the model's order.</returns>
    public static IReadOnlyList<(string Name, HostTensor Tensor)> Run(string model, string engine, IReadOnlyDictionary<string, HostTensor> inputs, bool kernels = false) => engine switch
    {
        "torch" => RunTorch(model, inputs),
        "onnxruntime" => RunOnnxRuntime(model, inputs, kernels),
        _ => throw new UserError($"There is no engine '{engine}': torch or onnxruntime."),
    };

    private static (ProgramInput[] Required, ProgramInput[] Optional) ModelInputs(string path)
    {
        var model = ModelFile.Load(path);
        var initialized = model.Graph.Initializer.Select(t => t.Name).ToHashSet();
        return ([.. model.Graph.Input.Where(input => !initialized.Contains(input.Name)).Select(ProgramInput.From)],
            [.. ModelFile.OptionalInputs(model).Select(ProgramInput.From)]);
    }

    private static (string Name, HostTensor Tensor)[] RunTorch(string path, IReadOnlyDictionary<string, HostTensor> inputs)
    {
        using var scope = torch.NewDisposeScope();
        using var noGradients = torch.no_grad();
        var ops = new TorchOps();
        var program = OnnxProgram.Load(path);
        var outputs = program.Run(ops, inputs.ToDictionary(pair => pair.Key, pair => ops.Constant(pair.Value)));
        return [.. program.Outputs.Select(name => (name, ((TorchValue)outputs[name]).ToHost()))];
    }

    private static (string Name, HostTensor Tensor)[] RunOnnxRuntime(string path, IReadOnlyDictionary<string, HostTensor> inputs, bool kernels)
    {
        using var session = new OnnxSession(path, kernels ? KernelLibrary.Locate() : null);
        var outputs = session.Run(inputs);
        return [.. session.Outputs.Select(name => (name, outputs[name]))];
    }
}
