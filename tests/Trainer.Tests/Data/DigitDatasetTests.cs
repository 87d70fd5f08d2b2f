using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Tests.Data;

public sealed class DigitDatasetTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("onnxmoe-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void PixelsAreScaledAndKeepTheirPlaces()
    {
        var images = DigitImages.Read(Write(Line(3), Line(7, first: 16, last: 4)));
        Assert.Equal([3, 7], images.Labels);
        Assert.Equal((2, 2 * 64), (images.Count, images.Pixels.Length));
        Assert.Equal((1, 0.25f), (images.Image(1)[0], images.Image(1)[63]));
        Assert.All(images.Image(0).ToArray(), pixel => Assert.Equal(0, pixel));
    }

    [Fact]
    public void TheRealFileIsSplitIntoPartsThatShareNothingAndLoseNothing()
    {
        var digits = DigitDataset.Open(FetchedData.Folder);
        Assert.Equal((1198, 299, 300), (digits.Train.Count, digits.Validation.Count, digits.Test.Count));
        var all = DigitImages.Read(Path.Combine(FetchedData.Folder, "raw/digits/digits.csv"));
        Assert.Equal(1797, all.Count);
        Assert.Equal(Rows(all).Order(), new[] { digits.Train, digits.Validation, digits.Test }.SelectMany(Rows).Order());
        Assert.All(all.Pixels, pixel => Assert.InRange(pixel, 0, 1));
        foreach (var part in (LabeledImages[])[digits.Train, digits.Validation, digits.Test])
            Assert.All(Enumerable.Range(0, DigitImages.Classes), digit => Assert.InRange(part.Labels.Count(label => label == digit), part.Count / 20.0, part.Count / 5.0));
        Assert.Equal(digits.Test.Pixels, DigitDataset.Open(FetchedData.Folder).Test.Pixels);
    }

    [Fact]
    public void TheImagesAreThoseOfTheirLabels()
    {
        // The nearest class mean is right for most: labels and pixels belong together, and the parts are alike.
        var digits = DigitDataset.Open(FetchedData.Folder);
        var means = new float[DigitImages.Classes][];
        for (var digit = 0; digit < means.Length; digit++)
        {
            var own = Enumerable.Range(0, digits.Train.Count).Where(i => digits.Train.Labels[i] == digit).ToArray();
            means[digit] = [.. Enumerable.Range(0, DigitImages.PixelsPerImage).Select(p => own.Average(i => digits.Train.Image(i)[p]))];
        }
        var right = Enumerable.Range(0, digits.Test.Count).Count(i => Nearest(digits.Test.Image(i).ToArray()) == digits.Test.Labels[i]);
        Assert.InRange(right / (double)digits.Test.Count, 0.8, 1);

        int Nearest(float[] image) => Enumerable.Range(0, means.Length).MinBy(digit => means[digit].Zip(image, (a, b) => (a - b) * (a - b)).Sum());
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("1,2,3\n", "line 1, has 3 numbers instead of 65")]
    [InlineData("*\n*,1\n", "line 2, has 66 numbers instead of 65")]
    [InlineData("*\n\n", "line 2, has 1 numbers instead of 65")]
    [InlineData("17,*", "line 1, has the pixel '17', which is not a whole number from 0 to 16")]
    [InlineData("-1,*", "line 1, has the pixel '-1'")]
    [InlineData("*;10", "line 1, has the label '10', which is not a whole number from 0 to 9")]
    [InlineData("*;x", "line 1, has the label 'x'")]
    public void ADamagedFileIsNamedWithTheLineAndWhatToDo(string text, string problem)
    {
        var line = Line(3);
        text = text.Replace("17,*", "17" + line[1..]).Replace("-1,*", "-1" + line[1..]).Replace("*;10", line[..^1] + "10").Replace("*;x", line[..^1] + "x").Replace("*", line);
        var path = Path.Combine(_folder, "digits.csv");
        File.WriteAllText(path, text);
        var message = Assert.Throws<UserError>(() => DigitImages.Read(path)).Message;
        Assert.Contains($"{path}", message);
        Assert.Contains(problem, message);
        Assert.EndsWith("delete it, then run 'eng/fetch-data'.", message);
    }

    [Fact]
    public void AMissingFileAndOneThatWasCutShortAreExplained()
    {
        Assert.Contains("run 'eng/fetch-data'", Assert.Throws<UserError>(() => DigitDataset.Open(_folder)).Message);
        Directory.CreateDirectory(Path.Combine(_folder, "raw/digits"));
        File.Copy(Write(Line(1), Line(2)), Path.Combine(_folder, "raw/digits/digits.csv"));
        Assert.Contains("has 2 images instead of 1797: delete it", Assert.Throws<UserError>(() => DigitDataset.Open(_folder)).Message);
    }

    [Fact]
    public void EachImageGoesToOnePartByItsNumberAlone()
    {
        var images = DigitImages.Read(Write([.. Enumerable.Range(0, 12).Select(i => Line(i % 10, first: i))]));
        var parts = DigitDataset.Split(images);
        Assert.Equal((8, 2, 2), (parts.Train.Count, parts.Validation.Count, parts.Test.Count));
        var firsts = new[] { parts.Train, parts.Validation, parts.Test }.SelectMany(part => Enumerable.Range(0, part.Count).Select(i => (Pixel: part.Image(i)[0] * 16, Label: part.Labels[i]))).ToArray();
        Assert.All(firsts, image => Assert.Equal((long)image.Pixel % 10, image.Label));
        Assert.Equal(Enumerable.Range(0, 12).Select(i => (float)i), firsts.Select(image => image.Pixel).Order());
        Assert.NotEqual(Enumerable.Range(0, 12).Select(i => (float)i), firsts.Select(image => image.Pixel)); // shuffled
    }

    private static IEnumerable<string> Rows(LabeledImages images) =>
        Enumerable.Range(0, images.Count).Select(i => string.Join(' ', images.Image(i).ToArray()) + " is " + images.Labels[i]);

    private static string Line(int label, int first = 0, int last = 0) => string.Join(',', [first, .. Enumerable.Repeat(0, 62), last, label]);

    private string Write(params string[] lines)
    {
        var path = Path.Combine(_folder, "made.csv");
        File.WriteAllLines(path, lines);
        return path;
    }

    [Fact]
    public void PatchesAreCutRowByRow()
    {
        var images = new LabeledImages([.. Enumerable.Range(0, 128).Select(pixel => (float)pixel)], [3, 7], DigitImages.Side, DigitImages.Classes);
        var sequences = images.ToSequences(2);
        Assert.Equal((2, 16, 4, 10), (sequences.Count, sequences.Length, sequences.Width, sequences.Classes));
        Assert.Equal([0, 1, 8, 9], sequences.Features[..4]);
        Assert.Equal([2, 3, 10, 11], sequences.Features[4..8]);
        Assert.Equal([64 + 54, 64 + 55, 64 + 62, 64 + 63], sequences.Features[^4..]);
        Assert.Equal([7, 3, 7], sequences.Take([1, 0, 1]).Labels);
        Assert.Equal(images.Pixels, images.ToSequences(8).Features);
        Assert.Equal(sequences.Batch(1, 2, 0, 5).Labels, sequences.Batch(1, 2, 0, 5).Labels);
    }
}
