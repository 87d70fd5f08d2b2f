using System.Buffers.Binary;
using System.IO.Compression;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Data;

/// <summary>
/// Fashion-MNIST (Xiao et al. 2017, arXiv 1708.07747) that set-up fetches: 28x28 grey images of 10 kinds of clothing. The last 10,000 of the 60,000 training
/// images are for validation.
/// </summary>
/// <param name="Train">The first 50,000.</param>
/// <param name="Validation">The next 10,000.</param>
/// <param name="Test">The 10,000 of the test part.</param>
public sealed record FashionDataset(LabeledImages Train, LabeledImages Validation, LabeledImages Test)
{
    public const int Side = 28;
    public const int Classes = 10;
    private const int TrainingImages = 60_000;
    private const int HeldOut = 10_000;
    private const int ImageMagic = 0x803;
    private const int LabelMagic = 0x801;

    /// <param name="folder">The data folder (<c>Data:Folder</c>); the files are in <c>raw/fashion</c>.</param>
    /// <param name="images">Training images to take, the first; 0: all. Of the others at most a third as many are taken.</param>
    /// <exception cref="UserError">A file is missing, damaged or cut short.</exception>
    public static FashionDataset Open(string folder, int images = 0)
    {
        const int most = TrainingImages - HeldOut;
        if (images > most)
            throw new UserError($"Data:Images is {images}, but there are {most} training images of {LabeledDataset.Fashion}.");
        var raw = Path.Combine(folder, "raw", "fashion");
        var train = Read(raw, "train", TrainingImages);
        var test = Read(raw, "t10k", HeldOut);
        var (count, others) = images == 0 ? (most, HeldOut) : (images, Math.Clamp(images / 3, 1, HeldOut));
        return new(Range(train, 0, count), Range(train, most, others), Range(test, 0, others));
    }

    private static LabeledImages Range(LabeledImages images, int first, int count) => images.Take([.. Enumerable.Range(first, count)]);

    private static LabeledImages Read(string folder, string part, int count)
    {
        var pixels = Idx(Path.Combine(folder, $"{part}-images-idx3-ubyte.gz"), ImageMagic, count, Side * Side, headerNumbers: 4);
        var labels = Idx(Path.Combine(folder, $"{part}-labels-idx1-ubyte.gz"), LabelMagic, count, 1, headerNumbers: 2);
        return new([.. pixels.Select(pixel => pixel / 255f)], [.. labels.Select(label => (long)label)], Side, Classes);
    }

    /// <summary>The bytes behind the header of a file in the IDX format: big-endian a magic number, the count, and the sizes of an item.</summary>
    private static byte[] Idx(string path, int magic, int count, int itemBytes, int headerNumbers)
    {
        if (!File.Exists(path))
            throw new UserError($"Fashion-MNIST is not in {Path.GetDirectoryName(path)}: run 'eng/fetch-data fashion' (or 'make setup').");
        try
        {
            using var stream = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
            var header = new byte[4 * headerNumbers];
            stream.ReadExactly(header);
            var (found, items) = (BinaryPrimitives.ReadInt32BigEndian(header), BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(4)));
            if (found != magic || items != count)
                throw new InvalidDataException($"it begins with {found:x} and {items} items instead of {magic:x} and {count}");
            var bytes = new byte[(long)count * itemBytes];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception problem) when (problem is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new UserError($"{path} cannot be read: {problem.Message.TrimEnd('.')}. {DigitImages.Remedy}.", problem);
        }
    }
}
