using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Tensors;
using OnnxMoe.Exporter.Tests.Support;
using OnnxMoe.Exporter.Verification;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Cells;
using OnnxMoe.Trainer.Convolutions;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Normalization;

namespace OnnxMoe.Exporter.Tests;

public class ImageExportTests
{
    private static readonly ClassifierSizes Sizes = new(2, 64, 5);

    public static TheoryData<string> Networks => ["residual", "plain", "cells"];

    /// <summary>An image classifier takes images [batch, channels, height, width] and is made of standard operators alone.</summary>
    [Theory]
    [MemberData(nameof(Networks))]
    public void TheFileClassifiesAsTheModelDoes(string network)
    {
        Classifier model = network == "cells"
            ? new CellClassifier(new() { Cells = new() { Channels = 3, Genotype = ["conv3x3", "avgpool", "conv1x1", "skip", "none", "conv3x3"] } }, null, Sizes, seed: 1)
            : new CnnClassifier(new() { Cnn = new() { Channels = [3, 3, 5], Pools = [2], Strides = [1, 2, 1], Residual = network == "residual" } }, null, Sizes, seed: 1);
        var random = new Random(1);
        var images = new LabeledSequences([.. Enumerable.Range(0, 6 * 128).Select(_ => random.NextSingle())], new long[6], 64, 2, 5);
        EstimatedStatistics.Run(model, [images]);
        using var exported = new Exported(model, ExportTarget.Onnx);
        Assert.All(exported.Model.Proto.Graph.Node, node => Assert.Equal("", node.Domain));
        Assert.DoesNotContain(exported.Model.Proto.Graph.Node.Where(node => node.OpType == "BatchNormalization"), node => node.Attribute.Any(attribute => attribute.Name == "training_mode"));
        using var session = exported.Open(false);
        var inputs = model.InputsOf(images);
        Assert.Equal([6, 2, 8, 8], inputs["image"].Shape);
        foreach (var check in new AllOutputsCheck(model, inputs).Run(session, "", leftPadding: false, default))
            Assert.True(check.MaxRelative < 1e-5, $"{check}");
    }
}
