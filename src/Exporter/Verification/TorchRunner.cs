using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Ops;
using static TorchSharp.torch;

namespace OnnxMoe.Exporter.Verification;

/// <summary>Runs a model through TorchOps: what an exported file is compared with.</summary>
public static class TorchRunner
{
    /// <summary>All outputs of the model, by name.</summary>
    public static Dictionary<string, HostTensor> Run(Model model, IReadOnlyDictionary<string, HostTensor> inputs)
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        var ops = new TorchOps();
        var outputs = model.Run(ops, inputs.ToDictionary(pair => pair.Key, pair => ops.Constant(pair.Value)));
        return model.Outputs.ToDictionary(output => output.Name, output => ((TorchValue)outputs[output.Name]).ToHost());
    }
}
