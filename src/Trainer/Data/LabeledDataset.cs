using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;

namespace OnnxMoe.Trainer.Data;

/// <summary>What a classifier is trained on, chosen by, and measured on at the end.</summary>
public sealed record LabeledDataset(LabeledSequences Train, LabeledSequences Validation, LabeledSequences Test)
{
    /// <summary>The word of Data:Source for the 8x8 digits.</summary>
    public const string Digits = "digits";

    /// <summary>The word of Data:Source for Fashion-MNIST.</summary>
    public const string Fashion = "fashion";

    /// <summary>True for the words of Data:Source that can be classified.</summary>
    public static bool Has(string source) => source is Digits or Fashion;

    /// <summary>Sizes of the data, without reading them.</summary>
    /// <exception cref="UserError">Data:Source is nothing that can be classified, or Data:PatchSide does not divide its images.</exception>
    public static ClassifierSizes SizesOf(DataOptions options)
    {
        if (!Has(options.Source))
            throw new UserError($"Data:Source is '{options.Source}', but the model (Model:Backbone) classifies: set Data:Source to {Digits} or {Fashion}.");
        var (side, classes) = options.Source == Digits ? (DigitImages.Side, DigitImages.Classes) : (FashionDataset.Side, FashionDataset.Classes);
        if (options.ImageSide > side)
            throw new UserError($"Data:ImageSide is {options.ImageSide}, but the images of {options.Source} have {side} pixels a side.");
        side = options.ImageSide == 0 ? side : options.ImageSide;
        var patch = options.PatchSide;
        return side % patch == 0 ? new ClassifierSizes(patch * patch, side / patch * (side / patch), classes)
            : throw new UserError($"Data:PatchSide is {patch}, which does not divide the {side} pixels of a side.");
    }

    /// <exception cref="UserError">As <see cref="SizesOf"/>, or the file is missing or damaged.</exception>
    public static LabeledDataset Open(DataOptions options)
    {
        _ = SizesOf(options);
        var (train, validation, test) = options.Source == Digits ? OpenDigits(options) : OpenFashion(options);
        LabeledSequences Sequences(LabeledImages images) => images.Shrunk(options.ImageSide == 0 ? images.Side : options.ImageSide).ToSequences(options.PatchSide);
        return new LabeledDataset(Sequences(train), Sequences(validation), Sequences(test));
    }

    private static (LabeledImages, LabeledImages, LabeledImages) OpenDigits(DataOptions options)
    {
        var digits = DigitDataset.Open(options.Folder);
        return options.Images <= digits.Train.Count ? (options.Images == 0 ? digits.Train : digits.Train.Take([.. Enumerable.Range(0, options.Images)]), digits.Validation, digits.Test)
            : throw new UserError($"Data:Images is {options.Images}, but there are {digits.Train.Count} training images of {Digits}.");
    }

    private static (LabeledImages, LabeledImages, LabeledImages) OpenFashion(DataOptions options)
    {
        var fashion = FashionDataset.Open(options.Folder, options.Images);
        return (fashion.Train, fashion.Validation, fashion.Test);
    }
}
