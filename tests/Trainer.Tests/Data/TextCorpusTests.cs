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
        var corpus = Load(_folder.Options);
        var texts = corpus.Train.Concat(corpus.Validation).Concat(corpus.Test).Select(document => document.Text);
        Assert.Contains("\"We'll\" go--now...\n\nco-op - xy", texts);
    }

    [Fact]
    public void WithoutCleaningTheTextIsLeftAlone()
    {
        var options = _folder.Add("a.txt", "  if x:\n\t\treturn “y”").Add("b.txt", "b").Add("c.txt", "c").Options;
        options.Clean = false;
        var corpus = Load(options);
        Assert.Contains("  if x:\n\t\treturn “y”", corpus.Train.Concat(corpus.Validation).Concat(corpus.Test).Select(document => document.Text));
    }

    [Fact]
    public void DocumentsAreSplitAsWholesAndNoneIsLost()
    {
        var corpus = Load(_folder.AddTen().Options);
        Assert.Equal((8, 1, 1), (corpus.Train.Count, corpus.Validation.Count, corpus.Test.Count));
        Assert.Equal(10, corpus.Train.Concat(corpus.Validation).Concat(corpus.Test).Select(document => document.Name).Distinct().Count());
        var again = Load(_folder.Options);
        Assert.Equal(corpus.Validation, again.Validation);
    }

    [Fact]
    public void ASingleFileIsCutAtLineEnds()
    {
        var lines = string.Join('\n', Enumerable.Range(0, 1000).Select(i => $"line {i}"));
        var options = _folder.Add("one.txt", lines).Options;
        options.Source = Path.Combine(_folder.Texts, "one.txt");
        var corpus = Load(options);
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
        var corpus = Load(options);
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
        Assert.Contains("neither built in (sotu, manpages, foldoc, code) nor a file nor a folder", Message());
        foreach (var builtIn in (string[])["sotu", "manpages", "foldoc", "code"])
        {
            options.Source = builtIn;
            Assert.Contains("run 'eng/fetch-data'", Message());
        }

        string Message() => Assert.Throws<UserError>(() => TextCorpus.Load(options)).Message;
    }

    [Fact]
    public void SourceCodeIsNotCleaned()
    {
        var options = _folder.Options;
        (options.Source, options.Folder) = ("code,manpages", Path.Combine(_folder.Texts, "data"));
        foreach (var name in (string[])["a", "b", "c"])
            _folder.Add($"data/raw/code/{name}/x.js.txt", $"\tlet  {name}").Add($"data/raw/manpages/{name}.1.txt", $"\tlet  {name}");
        var corpora = TextCorpus.Load(options);
        Assert.Equal(["code", "manpages"], corpora.Select(corpus => corpus.Name));
        Assert.All(corpora[0].Train, document => Assert.StartsWith("\tlet  ", document.Text));
        Assert.All(corpora[1].Train, document => Assert.StartsWith("let ", document.Text));
    }

    [Theory]
    [InlineData("manpages")]
    [InlineData("foldoc")]
    [InlineData("code")]
    public void WhatSetUpFetchesCanBeSplit(string name)
    {
        var options = new DataOptions { Source = name, Folder = FetchedData.Folder };
        var corpus = Load(options);
        var parts = ((IReadOnlyList<TextDocument>[])[corpus.Train, corpus.Validation, corpus.Test]).Select(part => part.Sum(document => (double)document.Text.Length)).ToArray();
        Assert.InRange(parts[0], 1.5e6, 6e6);
        Assert.All(parts[1..], held => Assert.InRange(held / parts.Sum(), 0.045, 0.09)); // the last document taken may be long
    }

    [Fact]
    public void SourcesAreSplitEachByItself()
    {
        var options = _folder.AddTen().Options;
        _folder.Add("other/a.txt", "a a").Add("other/b.txt", "b b").Add("other/c.txt", "c c");
        var other = Path.Combine(_folder.Texts, "other");
        options.Source = $"{Path.Combine(_folder.Texts, "doc1.txt")} , {other}";
        var corpora = TextCorpus.Load(options);
        Assert.Equal([Path.Combine(_folder.Texts, "doc1.txt"), other], corpora.Select(corpus => corpus.Name));
        options.Source = other;
        var alone = Load(options);
        Assert.Equal(alone.Train, corpora[1].Train);
        Assert.Equal(alone.Validation, corpora[1].Validation);
        Assert.Equal(alone.Test, corpora[1].Test);
    }

    [Fact]
    public void APathWithACommaIsOneSource()
    {
        var options = _folder.Add("one, two/a.txt", "a a").Add("one, two/b.txt", "b b").Add("one, two/c.txt", "c c").Options;
        options.Source = Path.Combine(_folder.Texts, "one, two");
        Assert.Equal(options.Source, Load(options).Name);
    }

    [Theory]
    [InlineData("*,nowhere", new double[0], "Data:Source names 'nowhere', which is neither")]
    [InlineData("*,*/", new double[0], "Data:Source names the same text twice")]
    [InlineData("sotu,sotu", new double[0], "Data:Source names the same text twice: 'sotu' and 'sotu'.")]
    [InlineData("*,", new double[0], "must name a text")]
    [InlineData("*", new[] { 1.0, 2 }, "Data:Shares has 2 numbers, but Data:Source names 1 texts")]
    [InlineData("*,code", new[] { 1.0 }, "Data:Shares has 1 numbers, but Data:Source names 2 texts")]
    [InlineData("*,code", new[] { 1.0, -1 }, "a share must be 0 or more")]
    [InlineData("*,code", new[] { 1.0, double.NaN }, "a share must be 0 or more")]
    [InlineData("*,code", new[] { 0.0, 0 }, "at least one share must be more than 0")]
    public void SourcesAndSharesThatDoNotFitAreRefused(string source, double[] shares, string problem)
    {
        var options = _folder.AddTen().Options;
        options.Source = source.Replace("*", _folder.Texts);
        options.Shares = shares;
        Assert.Contains(problem, Assert.Throws<UserError>(() => TextCorpus.Load(options)).Message);
    }

    private static TextCorpus Load(DataOptions options) => Assert.Single(TextCorpus.Load(options));
}
