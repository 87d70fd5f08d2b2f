using OnnxMoe.Artifacts;

namespace OnnxMoe.Trainer.Data;

/// <summary>
/// The 8x8 digits that set-up fetches (Alpaydin and Kaynak 1998: the test part of UCI's "Optical Recognition of Handwritten Digits",
/// as scikit-learn has it), split at random. Writers are not known, so a writer may be on both sides of the split.
/// </summary>
/// <param name="Train">Two thirds.</param>
/// <param name="Validation">A sixth.</param>
/// <param name="Test">The rest.</param>
public sealed record DigitDataset(LabeledImages Train, LabeledImages Validation, LabeledImages Test)
{
    /// <summary>Images in the real file.</summary>
    public const int Images = 1797;

    /// <summary>The same split in every experiment, whatever its seed: otherwise the splits' differences would add to its noise.</summary>
    private const long SplitSeed = 8;

    /// <param name="folder">The data folder (<c>Data:Folder</c>); the file is <c>raw/digits/digits.csv</c>.</param>
    /// <exception cref="UserError">The file is missing, damaged or cut short.</exception>
    public static DigitDataset Open(string folder)
    {
        var path = Path.Combine(folder, "raw", "digits", "digits.csv");
        if (!File.Exists(path))
            throw new UserError($"The digits are not in {path}: run 'eng/fetch-data' (or 'make setup').");
        var images = DigitImages.Read(path);
        return images.Count == Images ? Split(images)
            : throw new UserError($"{path} has {images.Count} images instead of {Images}: {DigitImages.Remedy}.");
    }

    /// <summary>Each image goes to one part, chosen by its number alone.</summary>
    public static DigitDataset Split(LabeledImages images)
    {
        var order = Enumerable.Range(0, images.Count).OrderBy(image => StatelessRandom.Next(SplitSeed, image)).ToArray();
        var (train, validation) = (images.Count * 2 / 3, images.Count / 6);
        return new(images.Take(order.AsSpan(0, train)), images.Take(order.AsSpan(train, validation)), images.Take(order.AsSpan(train + validation)));
    }
}
