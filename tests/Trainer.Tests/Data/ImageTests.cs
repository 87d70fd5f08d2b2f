using System.IO.Compression;
using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Tests.Data;

public sealed class ImageTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(4, 2, 0)]
    [InlineData(6, 4, 1)]
    [InlineData(28, 16, 2)]
    [InlineData(5, 5, 0)]
    public void ShrunkImagesAreMeansOfSquares(int from, int to, int border)
    {
        var random = new Random(1);
        var images = new LabeledImages([.. Enumerable.Range(0, 3 * from * from).Select(_ => random.NextSingle())], [1, 0, 2], from, 3);
        var shrunk = images.Shrunk(to);
        var square = (from + (2 * border)) / to;
        Assert.Equal((to, 3, 3), (shrunk.Side, shrunk.Count, shrunk.Classes));
        for (var image = 0; image < 3; image++)
            for (var row = 0; row < to; row++)
                for (var column = 0; column < to; column++)
                {
                    var sum = 0.0;
                    for (var r = 0; r < square; r++)
                        for (var c = 0; c < square; c++)
                            if ((row * square) + r - border is >= 0 and var y && y < from && (column * square) + c - border is >= 0 and var x && x < from)
                                sum += images.Image(image)[(y * from) + x];
                    Assert.Equal(sum / (square * square), shrunk.Image(image)[(row * to) + column], 1e-5);
                }
    }

    [Fact]
    public void FashionIsReadAndItsPartsShareNothing()
    {
        var options = new DataOptions { Source = LabeledDataset.Fashion, Folder = FetchedData.Folder, PatchSide = 1, ImageSide = 14, Images = 600 };
        var data = LabeledDataset.Open(options);
        Assert.Equal((600, 200, 200), (data.Train.Count, data.Validation.Count, data.Test.Count));
        Assert.Equal((196, 1, 10), (data.Train.Length, data.Train.Width, data.Train.Classes));
        Assert.All(data.Train.Features, pixel => Assert.InRange(pixel, 0, 1));
        Assert.All(Enumerable.Range(0, 10), label => Assert.InRange(data.Train.Labels.Count(found => found == label), 30, 90));
        var rows = new[] { data.Train, data.Validation, data.Test }.SelectMany(part => Enumerable.Range(0, part.Count).Select(i => string.Join(' ', part.Take([i]).Features))).ToArray();
        Assert.True(rows.Distinct().Count() > 995); // a few pictures are in the data set twice
        // The nearest class mean is right for most: labels and pixels belong together.
        float[][] means = [.. Enumerable.Range(0, 10).Select(label => Mean(data.Train, label))];
        var right = Enumerable.Range(0, data.Test.Count).Count(i =>
            Enumerable.Range(0, 10).MinBy(label => means[label].Zip(data.Test.Take([i]).Features, (a, b) => (a - b) * (a - b)).Sum()) == data.Test.Labels[i]);
        Assert.InRange(right / 200.0, 0.55, 1);
    }

    [Fact]
    public void MistakesAreNamed()
    {
        string Open(Action<DataOptions> change)
        {
            var options = new DataOptions { Source = LabeledDataset.Fashion, Folder = _folder, PatchSide = 1 };
            change(options);
            return Assert.Throws<UserError>(() => LabeledDataset.Open(options)).Message;
        }
        Assert.Contains("run 'eng/fetch-data fashion'", Open(_ => { }), StringComparison.Ordinal);
        Assert.Contains("Data:ImageSide is 40, but the images of fashion have 28 pixels a side", Open(options => options.ImageSide = 40), StringComparison.Ordinal);
        Assert.Contains("Data:PatchSide is 3, which does not divide the 28 pixels", Open(options => options.PatchSide = 3), StringComparison.Ordinal);
        Assert.Contains("Data:Images is 60000, but there are 50000", Open(options => options.Images = 60000), StringComparison.Ordinal);
        var raw = Directory.CreateDirectory(Path.Combine(_folder, "raw", "fashion")).FullName;
        using (var zip = new GZipStream(File.Create(Path.Combine(raw, "train-images-idx3-ubyte.gz")), CompressionLevel.Fastest))
            zip.Write([0, 0, 8, 3, 0, 0, 0, 7, 0, 0, 0, 28, 0, 0, 0, 28]);
        Assert.Contains("it begins with 803 and 7 items instead of 803 and 60000. delete it", Open(_ => { }), StringComparison.Ordinal);
    }

    private static float[] Mean(LabeledSequences data, int label)
    {
        int[] own = [.. Enumerable.Range(0, data.Count).Where(i => data.Labels[i] == label)];
        var features = data.Take(own).Features;
        return [.. Enumerable.Range(0, data.Length).Select(pixel => Enumerable.Range(0, own.Length).Average(i => features[(i * data.Length) + pixel]))];
    }
}
