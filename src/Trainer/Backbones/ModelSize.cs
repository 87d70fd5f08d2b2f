using OnnxMoe.Artifacts.Manifests;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>Counts the parameters of a model.</summary>
public static class ModelSize
{
    /// <summary>All parameters, and those that one token meets: all but the routed experts it does not choose.</summary>
    public static ParameterCount Of(DecoderLm model)
    {
        var total = model.Weights.Sum(w => w.Parameter.numel());
        // Layers that share a bank are one layer that routes several times.
        var idle = model.RoutedLayers.GroupBy(l => l.Experts)
            .Sum(bank => Math.Max(0, bank.Key.Experts - bank.Sum(l => l.Router.ExpertsPerToken)) * bank.Key.ParametersPerExpert);
        return new ParameterCount(total, total - idle);
    }
}
