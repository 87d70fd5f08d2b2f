using System.Text.RegularExpressions;
using OnnxMoe.Artifacts.Tests.Support;
using OnnxMoe.Artifacts.Tokenizers;

namespace OnnxMoe.Artifacts.Tests.Tokenizers;

public sealed partial class TokenizerJsonTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _text;

    public TokenizerJsonTests()
    {
        BpeTrainer.Train(["the thing then"], 262).Save(_folder["tokenizer.json"]);
        _text = File.ReadAllText(_folder["tokenizer.json"]);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void TheFieldsAreInHuggingFacesOrder() =>
        Assert.Equal(["version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model"],
            TopLevelField().Matches(_text).Select(match => match.Groups[1].Value));

    [Fact]
    public void MergesAsStringsAreReadToo()
    {
        var expected = BpeTokenizer.Load(_folder["tokenizer.json"]).Encode("then the thing");
        Load(MergePair().Replace(_text, "\"$1 $2\""));
        Assert.Equal(expected, BpeTokenizer.Load(_folder["tokenizer.json"]).Encode("then the thing"));
        Assert.DoesNotContain("\"t\",", File.ReadAllText(_folder["tokenizer.json"]));
    }

    [Theory]
    [InlineData("\"type\": \"BPE\"", "\"type\": \"WordPiece\"", "'model.type' is 'WordPiece', but only 'BPE' is supported")]
    [InlineData("\"normalizer\": null", "\"normalizer\": {\"type\": \"NFC\"}", "'normalizer' is set, which is not supported")]
    [InlineData("\"add_prefix_space\": false", "\"add_prefix_space\": true", "'pre_tokenizer.add_prefix_space' is true, which is not supported")]
    [InlineData("\"byte_fallback\": false", "\"byte_fallback\": true", "'model.byte_fallback' is true")]
    [InlineData("\"lstrip\": false", "\"lstrip\": true", "'added_tokens[0].lstrip' is true")]
    [InlineData("\"dropout\": null", "\"dropout\": 0.1", "'model.dropout' is set")]
    [InlineData("\"id\": 256", "\"id\": \"256\"", "'added_tokens[0].id' should be a token id")]
    [InlineData("<|endoftext|>\",", "<eot>\",", "")]
    [InlineData("\"!\": 33", "\"!\": 34", "gives the id 34 twice")]
    [InlineData("\"!\": 33,", "", "no token for the byte 0x21")]
    [InlineData("\"model\"", "\"modell\"", "'model' is missing")]
    [InlineData("\"special\": true", "\"special\": false", "no special token <|endoftext|>")]
    public void AnUnsupportedOrDamagedFileIsExplained(string right, string wrong, string problem)
    {
        Assert.Contains(right, _text);
        var changed = new Regex(Regex.Escape(right)).Replace(_text, wrong.Replace("$", "$$"), 1);
        if (problem == "")
            Assert.Equal(256, Load(changed).EndOfText); // the only special token ends a text, whatever it is called
        else
            Assert.Contains(problem, Assert.Throws<UserError>(() => Load(changed)).Message);
    }

    [Fact]
    public void ATruncatedFileIsExplained() =>
        Assert.Contains("not valid JSON", Assert.Throws<UserError>(() => Load(_text[..1000])).Message);

    private BpeTokenizer Load(string text)
    {
        File.WriteAllText(_folder["tokenizer.json"], text);
        return BpeTokenizer.Load(_folder["tokenizer.json"]);
    }

    [GeneratedRegex("^  \"(\\w+)\"", RegexOptions.Multiline)]
    private static partial Regex TopLevelField();

    [GeneratedRegex("""\[\s+"([^"]+)",\s+"([^"]+)"\s+\]""")]
    private static partial Regex MergePair();
}
