using OnnxMoe.Artifacts;
using OnnxMoe.Search.Predictors;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Search.Tests;

public class SearchSpaceTests
{
    /// <summary>Two stages of 1 or 2 blocks out of 2 each, a width for each block, bits, and a scheme that only 4 and 8 bits have.</summary>
    internal const string Json = """
        {"name": "toy", "genes": [
          {"name": "depth", "count": 2, "choices": [1, 2]},
          {"name": "width", "count": 4, "choices": [16, 32, 64], "depth": "depth"},
          {"name": "bits", "count": 4, "choices": [4, 8, 32], "depth": "depth"},
          {"name": "scheme", "count": 4, "choices": ["symmetric", "asymmetric"], "when": {"gene": "bits", "is": [4, 8]}}]}
        """;

    [Fact]
    public void WhatDoesNotMatterIsWrittenInOneWay()
    {
        var space = SearchSpaceFile.Parse(Json);
        var a = space.Of(0, 1, 2, 2, 1, 0, 0, 1, 2, 1, 1, 0, 1, 1);
        var b = space.Of(0, 1, 2, 0, 1, 0, 0, 2, 2, 1, 1, 1, 0, 1);
        Assert.Equal(a, b); // block 1 of the first stage does not exist, and 32 bits of block 2 have no scheme
        Assert.Equal("depth 1 2; width 64 - 32 16; bits 4 - 32 8; scheme asymmetric - - asymmetric", a.ToString());
        Assert.Equal(OneHotFeatures.Of(a), OneHotFeatures.Of(b));
        Assert.Equal((64, 2, true, false), (a.Whole("width"), a.Whole("depth", 1), a.Has("scheme", 3), a.Has("width", 1)));
    }

    [Fact]
    public void KeysGoBothWaysForRandomArchitectures()
    {
        var space = SearchSpaceFile.Parse(Json);
        var random = new Random(1);
        for (var i = 0; i < 10_000; i++)
        {
            var architecture = space.Random(random);
            Assert.Equal(architecture, Architecture.Parse(space, architecture.Key));
            Assert.Equal(architecture, space.Of(architecture.Genes));
        }
    }

    [Fact]
    public void AllListsEveryArchitectureOnceAndSizeCountsThem()
    {
        var space = SearchSpaceFile.Parse(Json);
        var all = space.All().ToList();
        // A block is one of 3 widths times (2 schemes of 2 bit-widths, or 32 bits): 15; a stage has one or two.
        Assert.Equal((15 + 225) * (15 + 225), all.Count);
        Assert.Equal(all.Count, space.Size);
        Assert.Equal(all.Count, all.ToHashSet().Count);
        Assert.All(all.Take(2000), architecture => Assert.Equal(architecture, space.Of(architecture.Genes)));
        Assert.Equal(all.Count, all.Select(architecture => string.Concat(OneHotFeatures.Of(architecture))).Distinct().Count());
        var random = new Random(2);
        var known = all.ToHashSet();
        Assert.All(Enumerable.Range(0, 1000).Select(_ => space.Random(random)), architecture => Assert.Contains(architecture, known));
    }

    [Fact]
    public void TheSizeOfALargeSpaceIsCountedWithoutListingIt()
    {
        var space = new SearchSpace("large", [new("layers", 1, ["6", "12"]), new("width", 12, ["1", "2", "3"], "layers")]);
        Assert.Equal((long)Math.Pow(3, 6) + (long)Math.Pow(3, 12), space.Size);
    }

    [Theory]
    [InlineData("""{"name": "s", "genes": []}""", "has no genes")]
    [InlineData("""{"name": "s", "genes": [{"name": "a", "choices": []}]}""", "no choice")]
    [InlineData("""{"name": "s", "genes": [{"name": "a", "choices": [1, 1]}]}""", "or one twice")]
    [InlineData("""{"name": "s", "genes": [{"name": "a", "count": 0, "choices": [1]}]}""", "there must be one or more")]
    [InlineData("""{"name": "s", "genes": [{"name": "a", "choices": [1]}, {"name": "a", "choices": [1]}]}""", "two groups of genes 'a'")]
    [InlineData("""{"name": "s", "genes": [{"name": "a", "choices": [1], "depth": "b"}, {"name": "b", "choices": [1]}]}""", "not among the genes before it")]
    [InlineData("""{"name": "s", "genes": [{"name": "d", "choices": [1, 3]}, {"name": "a", "count": 2, "choices": [1], "depth": "d"}]}""", "lets 'd' be 3, but 2 genes 'a' belong to it")]
    [InlineData("""{"name": "s", "genes": [{"name": "d", "count": 2, "choices": [1]}, {"name": "a", "count": 3, "choices": [1], "depth": "d"}]}""", "cannot share evenly")]
    [InlineData("""{"name": "s", "genes": [{"name": "b", "choices": [4, 8]}, {"name": "a", "choices": [1], "when": {"gene": "b", "is": [9]}}]}""", "'b' being 9, which it cannot be")]
    [InlineData("""{"name": "s", "genes": [{"name": "a", "choices": [1], "dept": "b"}]}""", "dept")]
    [InlineData("""{"name": "s", "genes": [{"name": "a", "choices": [true]}]}""", "must be a number or a word")]
    [InlineData("""{"name": "s"}""", "genes")]
    [InlineData("nonsense", "This is no search space")]
    public void MistakesAreNamed(string json, string says) => Assert.Contains(says, Assert.Throws<UserError>(() => SearchSpaceFile.Parse(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void GenesThatAreNotTheSpacesAreRefused()
    {
        var space = SearchSpaceFile.Parse(Json);
        Assert.Contains("has 14 genes, not 2", Assert.Throws<UserError>(() => Architecture.Parse(space, "0,1")).Message, StringComparison.Ordinal);
        Assert.Contains("has no choice", Assert.Throws<UserError>(() => Architecture.Parse(space, "2,0,0,0,0,0,0,0,0,0,0,0,0,0")).Message, StringComparison.Ordinal);
        Assert.Contains("no gene 'heads'; it has depth, width", Assert.Throws<UserError>(() => space.Smallest.Whole("heads")).Message, StringComparison.Ordinal);
        Assert.Contains("where a number is needed", Assert.Throws<UserError>(() => space.Smallest.Number("scheme")).Message, StringComparison.Ordinal);
    }
}
