using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Trainer.Data;

/// <summary>The recipe's section Data: which text, and how it becomes tokens.</summary>
public sealed class DataOptions
{
    /// <summary>The default source: the State of the Union addresses 1790-2021.</summary>
    public const string StateOfTheUnion = "sotu";

    [Setting("The text: sotu, manpages, foldoc or code (fetched by set-up), or a .txt file or a folder of them; several, separated by commas, are domains; for a classifier: digits (8x8 pixels) or fashion (28x28), images with a class; for an encoder-decoder: bible-en-es, verses in English and Spanish")]
    public string Source { get; set; } = StateOfTheUnion;

    [Setting("How often each source is drawn in training, relative to the others, in the order of Data:Source; none: equally often", Min = 0)]
    public double[] Shares { get; set; } = [];

    [Setting("Folder of downloaded text (raw/) and of encoded text (cache/)")]
    public string Folder { get; set; } = "data";

    [Setting("bpe learns byte-level byte pairs from the training text; bytes takes the UTF-8 bytes as they are", Choices = "bpe|bytes")]
    public string Tokenizer { get; set; } = "bpe";

    [Setting("Size of the vocabulary that bpe learns: 256 bytes, the end of a text, and the rest merges", Unit = "tokens", Min = 257, Max = 1_000_000)]
    public int VocabularySize { get; set; } = 1024;

    [Setting("Part of a text that is held out to measure progress (sotu is split by year)", Unit = "fraction of the characters", Min = 0, Max = 0.5)]
    public double ValidationFraction { get; set; } = 0.05;

    [Setting("Part of a text that is held out for the end (sotu is split by year)", Unit = "fraction of the characters", Min = 0, Max = 0.5)]
    public double TestFraction { get; set; } = 0.05;

    [Setting("Most words of a sentence or its translation (bible-en-es); 0: any number", Unit = "words", Min = 0)]
    public int MaxWords { get; set; } = 20;

    [Setting("Tokens that a masked language model is to find", Unit = "fraction of the tokens", Min = 0.01, Max = 0.9)]
    public double MaskedShare { get; set; } = 0.15;

    [Setting("Side of the square patches that an image is cut into, row by row", Unit = "pixels", Min = 1)]
    public int PatchSide { get; set; } = 2;

    [Setting("Side that images are shrunk to, by averaging squares after a border of 0 where it does not divide; 0: as they are", Unit = "pixels", Min = 0)]
    public int ImageSide { get; set; }

    [Setting("Images to train on, the first ones (of fashion then a third as many to validate and to test on); 0: all", Min = 0)]
    public int Images { get; set; }

    [Setting("Straighten quotes and dashes, squeeze blanks, drop control characters; turn off for program code (the source code is never cleaned)")]
    public bool Clean { get; set; } = true;
}
