using OnnxMoe.Serving.Generation;

namespace OnnxMoe.Serving.Tests.Generation;

public sealed class StopMatcherTests
{
    [Fact]
    public void PiecesGiveWhatTheWholeTextGives()
    {
        var random = new Random(3);
        string Word(int longest) => new([.. Enumerable.Range(0, 1 + random.Next(longest)).Select(_ => (char)('a' + random.Next(2)))]);
        for (var round = 0; round < 2000; round++)
        {
            var text = Word(24);
            string[] stops = [.. Enumerable.Range(0, random.Next(3)).Select(_ => Word(5))];
            // The stop text whose end comes first decides when the generation ends; pieces of one character see exactly that.
            var end = Enumerable.Range(0, text.Length + 1).FirstOrDefault(length => stops.Any(stop => text[..length].EndsWith(stop, StringComparison.Ordinal)), -1);
            var expected = end < 0 ? text : text[..stops.Select(stop => text[..end].IndexOf(stop, StringComparison.Ordinal)).Where(at => at >= 0).Min()];

            var matcher = new StopMatcher(stops);
            var shown = string.Concat(text.Select(character => matcher.Push(character.ToString())));
            Assert.Equal(end >= 0, matcher.Stopped);
            Assert.Equal(expected, matcher.Stopped ? shown : shown + matcher.Flush());
        }
    }

    [Fact]
    public void NothingOfAStopTextIsShownEarly()
    {
        var matcher = new StopMatcher(["\nuser:"]);
        Assert.Equal("Yes.", matcher.Push("Yes.\nus"));
        Assert.Equal("\nus!", matcher.Push("!"));
        Assert.Equal("", matcher.Push("\nuse"));
        Assert.Equal("", matcher.Push("r: hello"));
        Assert.True(matcher.Stopped);
    }
}
