using System.Diagnostics;
using System.Text.Json;
using OnnxMoe.Artifacts.Tests.Support;
using OnnxMoe.Artifacts.Tokenizers;

namespace OnnxMoe.Artifacts.Tests.Tokenizers;

/// <summary>The ids are those of Hugging Face's own library (npm @huggingface/tokenizers, run under node) and of GPT-2.</summary>
public sealed class HuggingFaceTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void OurTrainedFileGivesTheSameIdsThere()
    {
        BpeTrainer.Train([.. Texts.Random(1, 50), .. Texts.Awkward], 700).Save(_folder["tokenizer.json"]);
        AssertSameIds();
    }

    [Fact]
    public void Gpt2sVocabularyGivesTheSameIdsThere()
    {
        Gpt2Files.WriteTokenizerJson(_folder["tokenizer.json"]);
        AssertSameIds();
    }

    [Fact]
    public void Gpt2sVocabularyGivesGpt2sIds()
    {
        Gpt2Files.WriteTokenizerJson(_folder["tokenizer.json"]);
        var tokenizer = BpeTokenizer.Load(_folder["tokenizer.json"]);
        Assert.Equal((50257, 50256), (tokenizer.VocabularySize, tokenizer.EndOfText));
        Assert.Equal([15496, 11, 616, 3290, 318, 13779], tokenizer.Encode("Hello, my dog is cute"));
        Assert.Equal([464, 2068, 7586, 21831, 18045, 625, 262, 16931, 3290], tokenizer.Encode("The quick brown fox jumps over the lazy dog"));
        Assert.Equal([9099, 470, 356, 1183, 220, 23917, 6, 51], tokenizer.Encode("don't we'll  DON'T"));
        Assert.Equal([2616, 38776, 40304], tokenizer.Encode("naïve café"));
        Assert.Equal([33768, 98, 17312, 105, 45739, 252, 5641, 24336, 25084, 43302, 16764], tokenizer.Encode("日本語のテキスト。"));
        Assert.Equal([41840, 235, 8582, 237, 121, 12876], tokenizer.Encode("👍🏽 ok"));
        Assert.Equal([87, 796, 1391, 198, 220, 220, 220, 705, 64, 10354, 513, 13, 1415, 19707, 11, 198, 92, 628, 220, 220, 886], tokenizer.Encode("x = {\n    'a': 3.14159,\n}\n\n   end"));
    }

    private void AssertSameIds()
    {
        var tokenizer = BpeTokenizer.Load(_folder["tokenizer.json"]);
        var random = new Random(11);
        var texts = Texts.Awkward.Concat(Texts.Random(8, 200)).Concat(Enumerable.Range(0, 300).Select(_ => Comparable(Texts.RandomUnicode(random, random.Next(40))))).ToArray();
        var theirs = EncodeWithNode(texts);
        for (var i = 0; i < texts.Length; i++)
            Assert.True(tokenizer.Encode(texts[i]).SequenceEqual(theirs[i]), $"{JsonSerializer.Serialize(texts[i])}: {string.Join(",", tokenizer.Encode(texts[i]))} here, {string.Join(",", theirs[i])} there");
    }

    /// <summary>
    /// JavaScript's \s differs from that of Hugging Face's Rust library, which ours follows: without U+0085, with U+FEFF. And what is
    /// a letter among rare characters depends on the Unicode version of node: beyond U+FFFF only Chinese and emoji are compared.
    /// </summary>
    private static string Comparable(string text) => string.Concat(text.EnumerateRunes()
        .Where(rune => rune.Value is (< 0x10000 or >= 0x1F000 and < 0x2A000) and not (0x85 or 0xFEFF) && System.Text.Rune.GetUnicodeCategory(rune) != System.Globalization.UnicodeCategory.OtherNotAssigned));

    private int[][] EncodeWithNode(string[] texts)
    {
        var script = Path.Combine(Repository.Root, "tests/Artifacts.Tests/Tokenizers/encode.mjs");
        using var node = Process.Start(new ProcessStartInfo("node", [script, Repository.NodeModule("@huggingface/tokenizers/dist/tokenizers.mjs"), _folder["tokenizer.json"]])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        node.StandardInput.Write(JsonSerializer.Serialize(texts));
        node.StandardInput.Close();
        var answer = node.StandardOutput.ReadToEnd();
        node.WaitForExit();
        Assert.Equal(0, node.ExitCode);
        return JsonSerializer.Deserialize<int[][]>(answer)!;
    }
}
