using System.Globalization;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Data;

/// <summary>Grey images of handwritten digits, 8x8 pixels each.</summary>
/// <param name="Pixels">[N, 64], each image row by row from the top left, from 0 (paper) to 1 (ink).</param>
/// <param name="Labels">[N], the digits 0 to 9.</param>
public sealed record DigitImages(float[] Pixels, long[] Labels)
{
    public const int Side = 8;
    public const int PixelsPerImage = Side * Side;
    public const int Classes = 10;
    internal const string Remedy = "delete it, then run 'eng/fetch-data'";
    private const int Black = 16;

    public int Count => Labels.Length;

    /// <summary>The pixels of image <paramref name="index"/> [64].</summary>
    public ReadOnlySpan<float> Image(int index) => Pixels.AsSpan(index * PixelsPerImage, PixelsPerImage);

    /// <summary>Reads lines of 64 pixels from 0 to 16 and a label, separated by commas, without a heading.</summary>
    /// <exception cref="UserError">The file cannot be read, is empty, or has a line of another form.</exception>
    public static DigitImages Read(string path)
    {
        var lines = ReadLines(path);
        var (pixels, labels) = (new float[lines.Length * PixelsPerImage], new long[lines.Length]);
        for (var i = 0; i < lines.Length; i++)
        {
            var fields = lines[i].Split(',');
            if (fields.Length != PixelsPerImage + 1)
                throw Damaged(path, i, $"has {fields.Length} numbers instead of {PixelsPerImage + 1}");
            for (var p = 0; p < PixelsPerImage; p++)
                pixels[i * PixelsPerImage + p] = Number(fields[p], Black, "pixel", path, i) / (float)Black;
            labels[i] = Number(fields[^1], Classes - 1, "label", path, i);
        }
        return new DigitImages(pixels, labels);
    }

    /// <summary>Each image as the sequence of its square patches of <paramref name="side"/> pixels a side, row by row, and so the pixels within a patch.</summary>
    /// <param name="side">Divides <see cref="Side"/>.</param>
    public LabeledSequences ToSequences(int side)
    {
        var (perSide, width) = (Side / side, side * side);
        var features = new float[Pixels.Length];
        for (var pixel = 0; pixel < Pixels.Length; pixel++)
        {
            var (image, row, column) = (pixel / PixelsPerImage, pixel % PixelsPerImage / Side, pixel % Side);
            var patch = row / side * perSide + column / side;
            features[image * PixelsPerImage + patch * width + row % side * side + column % side] = Pixels[pixel];
        }
        return new LabeledSequences(features, Labels, perSide * perSide, width, Classes);
    }

    /// <summary>The images of those numbers, in that order.</summary>
    internal DigitImages Take(ReadOnlySpan<int> indices)
    {
        var (pixels, labels) = (new float[indices.Length * PixelsPerImage], new long[indices.Length]);
        for (var i = 0; i < indices.Length; i++)
        {
            Image(indices[i]).CopyTo(pixels.AsSpan(i * PixelsPerImage));
            labels[i] = Labels[indices[i]];
        }
        return new DigitImages(pixels, labels);
    }

    private static string[] ReadLines(string path)
    {
        try
        {
            var lines = File.ReadAllLines(path);
            return lines.Length > 0 ? lines : throw new UserError($"{path} is empty: {Remedy}.");
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new UserError($"{path} cannot be read: {problem.Message}", problem);
        }
    }

    private static int Number(string field, int most, string what, string path, int line) =>
        int.TryParse(field, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= most ? number
            : throw Damaged(path, line, $"has the {what} '{field}', which is not a whole number from 0 to {most}");

    private static UserError Damaged(string path, int line, string problem) =>
        new($"{path}, line {line + 1}, {problem}. The file is damaged: {Remedy}.");
}
