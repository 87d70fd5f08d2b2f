using OnnxMoe.Exporter;
using OnnxMoe.Search.Spaces;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Supernets;

/// <summary>A subnetwork of a trained supernet; what is asked of it is measured once.</summary>
/// <param name="subject">The supernet.</param>
/// <param name="architecture">Which one.</param>
/// <param name="timing">How latency is measured.</param>
/// <param name="own">The architecture with weights of its own; null: with the supernet's.</param>
internal sealed class Subnet(SearchSubject subject, Architecture architecture, LatencyMeter timing, Model? own = null)
{
    private Quality? _quality;
    private Model? _model = own;
    private Timing? _latency;

    public Architecture Architecture { get; } = architecture;

    /// <summary>As an ordinary model.</summary>
    public Model Model => _model ??= subject.Extract(Architecture);

    /// <summary>On the validation data.</summary>
    public Quality Quality => _quality ??= subject.Validate(Model);

    public long Parameters => ModelCost.Parameters(Model).Total;

    /// <summary>Of the exported model as one file.</summary>
    public long Bytes => ModelExporter.Export(Model, ExportTarget.Onnx, WeightPrecision.Fp32, "subnet").FileSize;

    /// <summary>Of one input.</summary>
    public double Flops => Model.CostOfToken(subject.Cost).Sum(cost => cost.Flops);

    /// <summary>Of one input in ONNX Runtime.</summary>
    public Timing Latency => _latency ??= timing.Measure(Model);
}
