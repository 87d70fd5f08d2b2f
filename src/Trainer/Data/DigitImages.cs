using System.Globalization;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Data;

/// <summary>Reads grey images of handwritten digits, 8x8 pixels each, from 0 (paper) to 1 (ink).</summary>
public static class DigitImages
{
    public const int Side = 8;
    public const int PixelsPerImage = Side * Side;
    public const int Classes = 10;
    internal const string Remedy = "delete it, then run 'eng/fetch-data'";
    private const int Black = 16;

    /// <summary>Reads lines of 64 pixels from 0 to 16 and a label, separated by commas, without a heading.</summary>
    /// <exception cref="UserError">The file cannot be read, is empty, or has a line of another form.</exception>
    public static LabeledImages Read(string path)
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
        return new LabeledImages(pixels, labels, Side, Classes);
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
