using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Exporter.Verification;

/// <summary>Runs a model through TorchOps: what an exported file is compared with.</summary>
public static class TorchRunner
{
    /// <summary>All outputs of the model, by name. Inputs that are left out have their default.</summary>
    /// <param name="weights">What a file makes of the weights; null: they are as they are.</param>
    public static Dictionary<string, HostTensor> Run(Model model, IReadOnlyDictionary<string, HostTensor> inputs, RoundedWeights? weights = null)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var ops = weights?.Ops() ?? new TorchOps();
        var values = inputs.ToDictionary(pair => pair.Key, pair => ops.Constant(pair.Value));
        foreach (var spec in model.Inputs.Where(spec => spec.Default is not null))
            values.TryAdd(spec.Name, ops.Constant(spec.Default!));
        var outputs = model.Run(ops, values);
        return model.Outputs.ToDictionary(output => output.Name, output => ((TorchValue)outputs[output.Name]).ToHost());
    }
}
