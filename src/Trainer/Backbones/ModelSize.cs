using OnnxMoe.Artifacts.Manifests;

namespace OnnxMoe.Trainer.Backbones;

/// <summary>Counts the parameters of a model.</summary>
public static class ModelSize
{
    /// <summary>All parameters, and those that one token meets: all but the routed experts it does not choose.</summary>
    public static ParameterCount Of(DecoderLm model)
    {
        var total = model.Weights.Sum(w => w.Parameter.numel());
        var idle = model.RoutedLayers.Sum(l => (l.Experts.Experts - l.Router.ExpertsPerToken) * l.Experts.ParametersPerExpert);
        return new ParameterCount(total, total - idle);
    }
}
