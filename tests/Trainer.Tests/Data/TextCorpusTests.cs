using OnnxMoe.Artifacts;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Tests.Data;

public sealed class TextCorpusTests : IDisposable
{
    private readonly CorpusFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TypographyBecomesPlain()
    {
        _folder.Add("a.txt", "\uFEFF“We’ll”\u00a0go—now…\t \r\n\n\n\nco‑op  –  x\u0002y \n");
        _folder.Add("b.txt", "b b b b").Add("c.txt", "c c c c");
        var corpus = TextCorpus.Load(_folder.Options);
        var texts = corpus.Train.Concat(corpus.Validation).Concat(corpus.Test).Select(document => document.Text);
        Assert.Contains("\"We'll\" go--now...\n\nco-op - xy", texts);
    }

    [Fact]
    public void WithoutCleaningTheTextIsLeftAlone()
    {
        var options = _folder.Add("a.txt", "  if x:\n\t\treturn “y”").Add("b.txt", "b").Add("c.txt", "c").Options;
        options.Clean = false;
        var corpus = TextCorpus.Load(options);
        Assert.Contains("  if x:\n\t\treturn “y”", corpus.Train.Concat(corpus.Validation).Concat(corpus.Test).Select(document => document.Text));
    }

    [Fact]
    public void DocumentsAreSplitAsWholesAndNoneIsLost()
    {
        var corpus = TextCorpus.Load(_folder.AddTen().Options);
        Assert.Equal((8, 1, 1), (corpus.Train.Count, corpus.Validation.Count, corpus.Test.Count));
        Assert.Equal(10, corpus.Train.Concat(corpus.Validation).Concat(corpus.Test).Select(document => document.Name).Distinct().Count());
        var again = TextCorpus.Load(_folder.Options);
        Assert.Equal(corpus.Validation, again.Validation);
    }

    [Fact]
    public void ASingleFileIsCutAtLineEnds()
    {
        var lines = string.Join('\n', Enumerable.Range(0, 1000).Select(i => $"line {i}"));
        var options = _folder.Add("one.txt", lines).Options;
        options.Source = Path.Combine(_folder.Texts, "one.txt");
        var corpus = TextCorpus.Load(options);
        Assert.Equal(lines, corpus.Train[0].Text + corpus.Validation[0].Text + corpus.Test[0].Text);
        Assert.EndsWith("\n", corpus.Train[0].Text);
        Assert.InRange(corpus.Validation[0].Text.Length, lines.Length * 0.04, lines.Length * 0.06);
    }

    [Fact]
    public void TheAddressesAreSplitByYear()
    {
        var options = _folder.Options;
        (options.Source, options.Folder) = ("sotu", Path.Combine(_folder.Texts, "data"));
        foreach (var year in (int[])[1790, 1989, 1990, 2003, 2004, 2021])
            _folder.Add($"data/raw/sotu/{year}_some_one_n.txt", $"Fellow citizens of {year}");
        var corpus = TextCorpus.Load(options);
        Assert.Equal([1790, 1989], Years(corpus.Train));
        Assert.Equal([1990, 2003], Years(corpus.Validation));
        Assert.Equal([2004, 2021], Years(corpus.Test));

        static IEnumerable<int> Years(IEnumerable<TextDocument> documents) => documents.Select(document => int.Parse(document.Name[..4]));
    }

    [Fact]
    public void WhatIsMissingIsNamedWithWhatToDo()
    {
        var options = _folder.Options;
        Assert.Contains("has no .txt files", Message());
        _folder.Add("a.txt", " \n ").Add("b.txt", "");
        Assert.Contains("only empty files", Message());
        _folder.Add("a.txt", "a");
        Assert.Contains("cannot be split into training and validation", Message());
        File.WriteAllBytes(Path.Combine(_folder.Texts, "b.txt"), [.. "abc"u8, 0xFF, .. "d"u8]);
        Assert.Contains("b.txt is not UTF-8 text (byte 3)", Message());
        options.Source = "no/such/place";
        Assert.Contains("neither 'sotu' nor a file nor a folder", Message());
        options.Source = "sotu";
        Assert.Contains("run 'eng/fetch-data'", Message());

        string Message() => Assert.Throws<UserError>(() => TextCorpus.Load(options)).Message;
    }
}
