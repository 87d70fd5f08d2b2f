using System.Text.Json;
using OnnxMoe.Artifacts.Deployment;

namespace OnnxMoe.Artifacts.Tests.Deployment;

public sealed class QuotedTextTests
{
    [Fact]
    public void ProtobufReadsBytesAsOctalEscapes() => Assert.Equal("\"a\\\"b\\\\c\\303\\266\\012\"", ProtobufText.Quoted("a\"b\\cö\n"));

    [Fact]
    public void YamlTextsAreAsciiThatJsonReadsToo()
    {
        const string text = "ö \"x\": \u2028\n# no comment";
        Assert.All(YamlText.Quoted(text), c => Assert.InRange(c, ' ', '~'));
        Assert.Equal(text, JsonSerializer.Deserialize<string>(YamlText.Quoted(text)));
        Assert.Equal("[\"on\", \"null\"]", YamlText.List("on", "null"));
    }
}
