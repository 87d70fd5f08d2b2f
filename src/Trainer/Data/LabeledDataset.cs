using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Manifests;

namespace OnnxMoe.Trainer.Data;

/// <summary>What a classifier is trained on, chosen by, and measured on at the end.</summary>
public sealed record LabeledDataset(LabeledSequences Train, LabeledSequences Validation, LabeledSequences Test)
{
    /// <summary>The word of Data:Source for the 8x8 digits.</summary>
    public const string Digits = "digits";

    /// <summary>Sizes of the data, without reading them.</summary>
    /// <exception cref="UserError">Data:Source is nothing that can be classified, or Data:PatchSide does not divide its images.</exception>
    public static ClassifierSizes SizesOf(DataOptions options)
    {
        if (options.Source != Digits)
            throw new UserError($"Data:Source is '{options.Source}', but the model (Model:Backbone) classifies: set Data:Source to {Digits}.");
        var side = options.PatchSide;
        return DigitImages.Side % side == 0 ? new ClassifierSizes(side * side, DigitImages.PixelsPerImage / (side * side), DigitImages.Classes)
            : throw new UserError($"Data:PatchSide is {side}, which does not divide the {DigitImages.Side} pixels of a side.");
    }

    /// <exception cref="UserError">As <see cref="SizesOf"/>, or the file is missing or damaged.</exception>
    public static LabeledDataset Open(DataOptions options)
    {
        _ = SizesOf(options);
        var digits = DigitDataset.Open(options.Folder);
        return new LabeledDataset(digits.Train.ToSequences(options.PatchSide), digits.Validation.ToSequences(options.PatchSide), digits.Test.ToSequences(options.PatchSide));
    }
}
