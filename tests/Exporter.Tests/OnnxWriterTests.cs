using Onnx;
using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Files;
using OnnxMoe.Exporter.Graph;
using OnnxMoe.Exporter.Tests.Support;

namespace OnnxMoe.Exporter.Tests;

public class OnnxWriterTests
{
    [Fact]
    public void LargeTensorsLieAlignedInTheDataFileSmallOnesInTheModel()
    {
        using var exported = new Exported(Some.Model());
        var proto = ModelProto.Parser.ParseFrom(File.ReadAllBytes(exported.Path));
        var data = File.ReadAllBytes(OnnxWriter.DataFileOf(exported.Path));
        foreach (var initializer in exported.Model.Initializers)
        {
            var stored = proto.Graph.Initializer.Single(tensor => tensor.Name == initializer.Name);
            var expected = initializer.Load().Data;
            Assert.Equal(expected.Length >= OnnxWriter.ExternalFrom, stored.DataLocation == TensorProto.Types.DataLocation.External);
            if (stored.DataLocation != TensorProto.Types.DataLocation.External)
            {
                Assert.Equal(expected, stored.RawData.ToByteArray());
                continue;
            }
            var fields = stored.ExternalData.ToDictionary(entry => entry.Key, entry => entry.Value);
            var offset = int.Parse(fields["offset"]);
            Assert.Equal(("model.onnx.data", 0, expected.Length), (fields["location"], offset % OnnxWriter.Alignment, int.Parse(fields["length"])));
            Assert.Equal(expected, data[offset..(offset + expected.Length)]);
        }
    }

    [Fact]
    public void AFailureWhileWritingLeavesTheOldFilesAndNothingElse()
    {
        using var folder = new TemporaryFolder();
        var model = ModelExporter.Export(Some.Model(), ExportTarget.Onnx, WeightPrecision.Fp32, "m");
        OnnxWriter.Save(model, folder["model.onnx"]);
        var before = Snapshot();
        Initializer broken = model.Initializers[^1] with { Load = () => throw new IOException("the disk vanished") };
        Assert.Throws<IOException>(() => OnnxWriter.Save(model with { Initializers = [.. model.Initializers.SkipLast(1), broken] }, folder["model.onnx"]));
        Assert.Equal(before, Snapshot());

        string[] Snapshot() => [.. Directory.EnumerateFileSystemEntries(folder.Path).Order().Select(file => $"{file} {Convert.ToHexString(File.ReadAllBytes(file)).GetHashCode()}")];
    }

    [Fact]
    public void AFullDiskIsAClearError()
    {
        using var folder = new TemporaryFolder();
        var model = ModelExporter.Export(Some.Model(), ExportTarget.Onnx, WeightPrecision.Fp32, "m");
        Initializer last = model.Initializers[^1] with { Load = FillTheDisk };
        var error = Assert.Throws<UserError>(() => OnnxWriter.Save(model with { Initializers = [.. model.Initializers.SkipLast(1), last] }, folder["model.onnx"]));
        Assert.Contains("the disk is full", error.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));

        static HostTensor FillTheDisk()
        {
            using var full = new FileStream("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 0);
            full.Write(new byte[4096]);
            throw new InvalidOperationException("/dev/full took the bytes");
        }
    }

    [Fact]
    public void AModelOfSmallTensorsIsOneFile()
    {
        using var folder = new TemporaryFolder();
        var model = new LambdaModel([new("x", ElementType.Float, "T")], [new("y", ElementType.Float, "T")], (_, v) => [v[0] + 1]);
        Assert.Equal(["m.onnx"], OnnxWriter.Save(ModelExporter.Export(model, ExportTarget.Onnx, WeightPrecision.Fp32, "m"), folder["m.onnx"]));
        Assert.Single(Directory.GetFiles(folder.Path));
    }
}
