using OnnxMoe.Artifacts;
using OnnxMoe.Exporter.Files;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;

namespace OnnxMoe.Exporter.Tests.Support;

/// <summary>A model exported into a temporary folder.</summary>
internal sealed class Exported : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public Exported(Model model, ExportTarget target = ExportTarget.OnnxMoe, WeightPrecision precision = WeightPrecision.Fp32)
    {
        Model = ModelExporter.Export(model, target, precision, "some");
        OnnxWriter.Save(Model, Path);
    }

    public string Path => _folder["model.onnx"];

    public ExportedModel Model { get; }

    /// <summary>The operators of the graph, with their domains.</summary>
    public IEnumerable<string> Operators => Model.Proto.Graph.Node.Select(node => node.Domain.Length == 0 ? node.OpType : $"{node.Domain}.{node.OpType}");

    public OnnxSession Open(bool kernels = false) => new(Path, kernels ? KernelLibrary.Locate() : null);

    public void Dispose() => _folder.Dispose();
}
