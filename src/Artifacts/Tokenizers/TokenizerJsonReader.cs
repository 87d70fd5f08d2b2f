using System.Text.Json.Nodes;

namespace OnnxMoe.Artifacts.Tokenizers;

/// <summary>
/// Reads Hugging Face's tokenizer.json: byte-level BPE with GPT-2's pattern, merges as strings or as pairs. Everything that would
/// change the ids and is not done here is refused by name.
/// </summary>
internal static class TokenizerJsonReader
{
    /// <exception cref="UserError">Missing, damaged or of another kind.</exception>
    public static BpeVocabulary Read(string path)
    {
        var root = new TokenizerJsonObject(JsonFile.Load<JsonNode>(path) as JsonObject ?? throw new UserError($"{path} is not a tokenizer: it holds no object."), "", path);
        root.RequireAbsent("truncation", "padding", "normalizer");
        root.Object("pre_tokenizer").Require("type", "ByteLevel").Require("add_prefix_space", false).Require("use_regex", true);
        root.OptionalObject("post_processor")?.Require("type", "ByteLevel");
        root.OptionalObject("decoder")?.Require("type", "ByteLevel");
        var model = root.Object("model").Require("type", "BPE").Require("byte_fallback", false);
        model.RequireAbsent("dropout", "continuing_subword_prefix", "end_of_word_suffix");
        var vocabulary = ReadTokens(model);
        var added = root.List("added_tokens").Select(ReadAddedToken).ToArray();
        return new BpeVocabulary(ByIds(vocabulary, path), ReadMerges(model, vocabulary), added, model.Flag("ignore_merges"));
    }

    private static Dictionary<string, int> ReadTokens(TokenizerJsonObject model)
    {
        var vocabulary = model.Object("vocab");
        return vocabulary.Names.ToDictionary(name => name, vocabulary.Integer, StringComparer.Ordinal);
    }

    private static byte[]?[] ByIds(Dictionary<string, int> vocabulary, string path)
    {
        // Added tokens may take ids in between, but not many.
        if (vocabulary.Count == 0 || vocabulary.Values.Max() >= 2 * vocabulary.Count)
            throw new UserError($"{path}: the ids in 'model.vocab' are not consecutive.");
        var tokens = new byte[]?[vocabulary.Values.Max() + 1];
        foreach (var (token, id) in vocabulary)
        {
            if (tokens[id] != null)
                throw new UserError($"{path}: 'model.vocab' gives the id {id} twice.");
            // A token outside of the byte alphabet can be an added token only, which brings its own text.
            tokens[id] = ByteAlphabet.Read(token);
        }
        return tokens;
    }

    private static (int, int)[] ReadMerges(TokenizerJsonObject model, Dictionary<string, int> vocabulary)
    {
        var merges = model.Array("merges");
        var pairs = new (int, int)[merges.Count];
        for (var i = 0; i < pairs.Length; i++)
        {
            var parts = merges[i] switch
            {
                JsonArray pair => pair.Select(part => part as JsonValue).Select(value => value != null && value.TryGetValue<string>(out var text) ? text : "").ToArray(),
                JsonValue value when value.TryGetValue<string>(out var text) => text.Split(' '),
                _ => [],
            };
            if (parts.Length != 2 || !vocabulary.TryGetValue(parts[0], out var left) || !vocabulary.TryGetValue(parts[1], out var right))
                throw model.Error($"merges[{i}]", "should be two tokens of the vocabulary");
            pairs[i] = (left, right);
        }
        return pairs;
    }

    private static AddedToken ReadAddedToken(TokenizerJsonObject token)
    {
        token.Require("single_word", false).Require("lstrip", false).Require("rstrip", false);
        var content = token.Text("content");
        return content.Length > 0 ? new AddedToken(token.Integer("id"), content, token.Flag("special")) : throw token.Error("content", "should not be empty");
    }
}
