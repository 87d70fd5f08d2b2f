using OnnxMoe.Exporter.Files;
using OnnxMoe.Exporter.Tests.Support;

namespace OnnxMoe.Exporter.Tests;

public class Scratch
{
    [Theory]
    [InlineData(ExportTarget.OnnxMoe, WeightPrecision.Fp32)]
    [InlineData(ExportTarget.OnnxMoe, WeightPrecision.Fp16)]
    [InlineData(ExportTarget.OnnxRuntime, WeightPrecision.Fp32)]
    [InlineData(ExportTarget.OnnxRuntime, WeightPrecision.Fp16)]
    public void Export(ExportTarget target, WeightPrecision precision)
    {
        Directory.CreateDirectory("/tmp/w/exp-out");
        var model = Some.Model();
        OnnxWriter.Save(ModelExporter.Export(model, target, precision, "tiny"), $"/tmp/w/exp-out/{target}-{precision}.onnx");
    }
}
