using OnnxMoe.Artifacts;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Trainer.Backbones;
using OnnxMoe.Trainer.Data;
using OnnxMoe.Trainer.Training;

namespace OnnxMoe.Trainer.Tests.Data;

public sealed class TokenTaskTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private DataOptions Bible => new() { Source = ParallelText.Bible, Folder = _folder, Tokenizer = "bytes" };

    [Fact]
    public void VersesAreReadWithoutNotesAndMarkupAndHeldOutByBook()
    {
        SwordFolder.WriteBible(_folder);
        var text = ParallelText.Load(Bible);
        Assert.Equal((42 - 7) * 6, text.Train.Count);
        Assert.Equal(3 * 6, text.Validation.Count);
        Assert.Equal(4 * 6, text.Test.Count);
        Assert.Equal(new SentencePair("earth and light of water", "tierra and luz of agua"), text.Train[0]);
        var options = Bible;
        options.MaxWords = 2;
        Assert.Empty(ParallelText.Load(options).Train);
        Assert.Contains("all are too long", Assert.Throws<UserError>(() => Translations.Open(options, 64, 100, TextWriter.Null)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MissingDamagedAndUnequalTextsAreNamed()
    {
        Assert.Contains("run 'eng/fetch-data'", Assert.Throws<UserError>(() => ParallelText.Load(Bible)).Message, StringComparison.Ordinal);
        Assert.Contains("set Data:Source to bible-en-es", Assert.Throws<UserError>(() => ParallelText.Load(new DataOptions())).Message, StringComparison.Ordinal);
        SwordFolder.WriteBible(_folder);
        SwordFolder.Write(Path.Combine(_folder, "raw", "kjv"), "nt", [["one"]]);
        Assert.Contains("do not have the same verses", Assert.Throws<UserError>(() => ParallelText.Load(Bible)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(Path.Combine(_folder, "raw", "kjv", "nt.bzz"), new byte[40]);
        Assert.Contains("is damaged", Assert.Throws<UserError>(() => ParallelText.Load(Bible)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SentencesArePaddedOnTheRightAndTargetsAreWhatFollows()
    {
        SwordFolder.WriteBible(_folder);
        var task = Translations.Open(Bible, 64, 100_000, TextWriter.Null);
        var batch = task.Collate([new([1, 2], [5, 6, 7], ""), new([3], [8], "")]);
        long end = task.Tokenizer.EndOfText;
        Assert.Equal([1, 2, end, 3, end, end], batch.Source!.Ids);
        Assert.Equal([1, 1, 1, 1, 1, 0], batch.Source.Mask);
        Assert.Equal([end, 5, 6, 7, end, 8, end, end], batch.Tokens.Inputs);
        Assert.Equal([5, 6, 7, end, 8, end, TaskBatch.Ignored, TaskBatch.Ignored], batch.Tokens.Targets);
        Assert.Equal(6, batch.Predicted);
        Assert.Equal(task.Batch(1, 5, 0, 4).Tokens.Inputs, task.Batch(1, 5, 0, 4).Tokens.Inputs);
        Assert.NotEqual(task.Batch(1, 5, 0, 4).Tokens.Inputs, task.Batch(1, 6, 0, 4).Tokens.Inputs);
        Assert.Equal(24, task.HeldOut(test: true, 5).Sum(some => some.Tokens.Rows));
        var measured = TokenTask.HeldOutOf(Bible, new ModelOptions { Backbone = ModelOptions.EncoderDecoder, ContextLength = 64 }, 100_000, task.Tokenizer);
        Assert.Equal(task.HeldOut(test: true, 5).SelectMany(some => some.Tokens.Targets), measured.HeldOut(test: true, 5).SelectMany(some => some.Tokens.Targets));
    }

    [Fact]
    public void MasksAreAFunctionOfTheStepAndHideTheirShare()
    {
        using var corpus = new CorpusFolder().AddTen();
        var options = corpus.Options;
        options.Tokenizer = "bytes";
        var task = (MaskedText)TokenTask.Of(options, new ModelOptions { Backbone = ModelOptions.MaskedLm }, 32, 640, TextWriter.Null);
        var (batch, again, other) = (task.Batch(1, 2, 0, 64), task.Batch(1, 2, 0, 64), task.Batch(1, 3, 0, 64));
        Assert.Equal(batch.Tokens.Inputs, again.Tokens.Inputs);
        Assert.NotEqual(batch.Tokens.Inputs, other.Tokens.Inputs);
        var asked = Enumerable.Range(0, 64 * 32).Where(i => batch.Tokens.Targets[i] != TaskBatch.Ignored).ToArray();
        Assert.InRange(asked.Length / 2048.0, 0.12, 0.18);
        Assert.InRange(asked.Count(i => batch.Tokens.Inputs[i] == task.Tokenizer.VocabularySize) / (double)asked.Length, 0.7, 0.9);
        Assert.InRange(asked.Count(i => batch.Tokens.Inputs[i] == batch.Tokens.Targets[i]) / (double)asked.Length, 0.03, 0.2);
        var (held, heldAgain) = (task.HeldOut(false, 7).ToArray(), task.HeldOut(false, 3).ToArray());
        Assert.Equal(20, held.Sum(some => some.Tokens.Rows));
        Assert.Equal(held.SelectMany(some => some.Tokens.Inputs), heldAgain.SelectMany(some => some.Tokens.Inputs)); // whatever the batches
    }

    [Fact]
    public void BleuIsTheMeanPrecisionTimesThePenaltyOfShortness()
    {
        Assert.Equal(100, Bleu.Of([("the law of the people", "the law of the people")]), 1e-9);
        Assert.Equal(0, Bleu.Of([("the the the", "law of people")]));
        // 1- to 4-grams: 5 of 6, 3 of 5, 2 of 4, 1 of 3; 6 words for 7
        var expected = 100 * Math.Pow(5.0 / 6 * 3 / 5 * 2 / 4 * 1 / 3, 0.25) * Math.Exp(1 - (7.0 / 6));
        Assert.Equal(expected, Bleu.Of([("the law of the land is", "the law of the people is good")]), 1e-9);
    }
}
