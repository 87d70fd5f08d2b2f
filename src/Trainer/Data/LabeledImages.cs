namespace OnnxMoe.Trainer.Data;

/// <summary>Square grey images with a class each.</summary>
/// <param name="Pixels">[N, Side * Side], each image row by row from the top left, 0 to 1.</param>
/// <param name="Labels">[N], 0 to Classes - 1.</param>
/// <param name="Side">Pixels of a side.</param>
/// <param name="Classes">Number of classes.</param>
public sealed record LabeledImages(float[] Pixels, long[] Labels, int Side, int Classes)
{
    public int Count => Labels.Length;

    private int PixelsPerImage => Side * Side;

    /// <summary>The pixels of image <paramref name="index"/> [Side * Side].</summary>
    public ReadOnlySpan<float> Image(int index) => Pixels.AsSpan(index * PixelsPerImage, PixelsPerImage);

    /// <summary>The images of those numbers, in that order.</summary>
    public LabeledImages Take(ReadOnlySpan<int> numbers)
    {
        var (pixels, labels) = (new float[numbers.Length * PixelsPerImage], new long[numbers.Length]);
        for (var i = 0; i < numbers.Length; i++)
        {
            Image(numbers[i]).CopyTo(pixels.AsSpan(i * PixelsPerImage));
            labels[i] = Labels[numbers[i]];
        }
        return this with { Pixels = pixels, Labels = labels };
    }

    /// <summary>Smaller images: each pixel the mean of a square of those there were, after a border of 0 has made the side a multiple of the new one.</summary>
    /// <param name="side">At most <see cref="Side"/>.</param>
    public LabeledImages Shrunk(int side)
    {
        if (side == Side)
            return this;
        var square = (Side + side - 1) / side;
        var border = (square * side - Side) / 2;
        var pixels = new float[Count * side * side];
        for (var image = 0; image < Count; image++)
            for (var row = 0; row < Side; row++)
                for (var column = 0; column < Side; column++)
                    pixels[(image * side + (row + border) / square) * side + (column + border) / square] += Pixels[(image * Side + row) * Side + column] / (square * square);
        return this with { Pixels = pixels, Side = side };
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
}
