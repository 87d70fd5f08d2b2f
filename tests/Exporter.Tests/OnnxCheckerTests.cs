using System.Diagnostics;
using OnnxMoe.Exporter.Tests.Support;

namespace OnnxMoe.Exporter.Tests;

/// <summary>The ONNX project's own checker and shape inference (Debian package python3-onnx) on files of every target.</summary>
public class OnnxCheckerTests
{
    private const string Python = "/usr/bin/python3";

    private const string Check = """
        import sys, onnx
        for path in sys.argv[1:]:
            onnx.checker.check_model(path, full_check=True)
            onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True)
        """;

    [Fact]
    public void FilesPassTheOnnxChecker()
    {
        var model = Some.Model(options => options.FfnBias = true);
        var exports = (from target in Enum.GetValues<ExportTarget>()
                       from precision in Enum.GetValues<WeightPrecision>()
                       select new Exported(model, target, precision)).ToList();
        exports.Add(new Exported(Some.Model(options => (options.Gated, options.Activation, options.TiedHead) = (false, "gelu", true))));
        exports.AddRange(Enum.GetValues<ExportTarget>().Select(target => new Exported(DialModel.Create(), target)));
        exports.Add(new Exported(CacheModel.Create()));
        try
        {
            var (code, errors) = Run(["-c", Check, .. exports.Select(export => export.Path)]);
            Assert.True(code == 0, errors);
        }
        finally
        {
            exports.ForEach(export => export.Dispose());
        }
    }

    private static (int Code, string Errors) Run(string[] arguments)
    {
        Assert.True(File.Exists(Python) && Start(["-c", "import onnx"]).Code == 0, "This test needs the Debian package python3-onnx: apt-get install python3-onnx");
        return Start(arguments);
    }

    private static (int Code, string Errors) Start(string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(Python, arguments) { RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, errors);
    }
}
