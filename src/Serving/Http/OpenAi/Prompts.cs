using System.Text.Json;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>Reads the field <c>prompt</c>: a text, token ids, or an array of either.</summary>
internal static class Prompts
{
    private const int MostPrompts = 128;

    /// <summary>The tokens of each prompt.</summary>
    public static IReadOnlyList<IReadOnlyList<int>> Read(JsonFields fields, LanguageModel model)
    {
        if (fields.Find("prompt") is not { } prompt)
            throw fields.Error("prompt", "is missing; it is the text to continue.");
        if (prompt.ValueKind == JsonValueKind.String)
            return [model.Tokens(prompt.GetString()!, "prompt")];
        if (prompt.ValueKind != JsonValueKind.Array || prompt.GetArrayLength() == 0)
            throw Wrong();
        if (prompt[0].ValueKind == JsonValueKind.Number)
            return [Ids(prompt)];
        if (prompt.GetArrayLength() > MostPrompts)
            throw fields.Error("prompt", $"may hold at most {MostPrompts} prompts.");
        return [.. prompt.EnumerateArray().Select(one => one.ValueKind switch
        {
            JsonValueKind.String => model.Tokens(one.GetString()!, "prompt"),
            JsonValueKind.Array when one.GetArrayLength() > 0 => Ids(one),
            _ => throw Wrong(),
        })];

        IReadOnlyList<int> Ids(JsonElement array) => array.GetArrayLength() > model.Sizes.ContextLength ? throw model.TooLong(array.GetArrayLength(), "prompt") : [.. array.EnumerateArray().Select(id =>
            id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out var token) && token >= 0 && token < model.Tokenizer.VocabularySize
                ? token
                : throw fields.Error("prompt", $"holds {JsonFields.Describe(id)} among its token ids, which must be from 0 to {model.Tokenizer.VocabularySize - 1}."))];

        ApiError Wrong() => fields.Error("prompt", "must be a string, an array of token ids, or a non-empty array of either.");
    }
}
