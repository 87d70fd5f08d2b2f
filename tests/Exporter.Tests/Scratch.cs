using OnnxMoe.Exporter.Files;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using Xunit.Abstractions;

namespace OnnxMoe.Exporter.Tests;

public class Scratch(ITestOutputHelper output)
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
        var path = $"/tmp/w/exp-out/{target}-{precision}.onnx";
        OnnxWriter.Save(ModelExporter.Export(model, target, precision, "tiny"), path);
        using var rounded = new RoundedWeights(model, precision);
        using var session = new OnnxSession(path, null, o => o.OptimizedModelFilePath = path + ".opt");
        foreach (var check in new CausalLmChecks(model, Some.Tokens(40)).Run(session, "", target != ExportTarget.OnnxRuntime, default))
            output.WriteLine(check.ToString());
    }
}
