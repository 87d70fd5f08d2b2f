using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Layers;
using OnnxMoe.Trainer.Supernets;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Supernets;

/// <summary>A subnetwork of a trained supernet; what is asked of it is measured once.</summary>
/// <param name="supernet">With its trained weights.</param>
/// <param name="architecture">Which one.</param>
/// <param name="evaluator">Of the supernet.</param>
/// <param name="validation">What quality is measured on.</param>
/// <param name="timing">How latency is measured.</param>
internal sealed class Subnet(ISupernet supernet, Architecture architecture, ClassifierEvaluator evaluator, LabeledSequences validation, LatencyMeter timing)
{
    private readonly Lazy<Classification> _quality = new(() =>
    {
        supernet.Active = architecture;
        return evaluator.Run(validation);
    });

    private readonly Lazy<Model> _model = new(() => supernet.Extract(architecture));
    private Timing? _latency;

    public Architecture Architecture { get; } = architecture;

    /// <summary>On the validation data, with the supernet's weights.</summary>
    public Classification Quality => _quality.Value;

    /// <summary>As an ordinary model.</summary>
    public Model Model => _model.Value;

    public long Parameters => ModelCost.Parameters(Model).Total;

    /// <summary>Of one input.</summary>
    public double Flops => Model.CostOfToken(new CostContext(1)).Sum(cost => cost.Flops);

    /// <summary>Of one input in ONNX Runtime.</summary>
    public Timing Latency => _latency ??= timing.Measure(Model);
}
