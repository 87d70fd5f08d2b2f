using System.Text.Json;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>Refuses what would change the answer, and this server cannot do. Other unknown fields are ignored.</summary>
internal static class UnsupportedFields
{
    /// <summary>OpenAI's and vLLM's names, with what each is to this server.</summary>
    private static readonly (string Name, string Why)[] Never =
    [
        ("suffix", "the model only continues a text"),
        ("tools", "the model calls no tools"),
        ("functions", "the model calls no functions"),
        ("audio", "answers are text"),
        ("prediction", "answers are not predicted by the client"),
        ("web_search_options", "the model searches nothing"),
        ("structured_outputs", "answers follow no grammar"),
        ("guided_json", "answers follow no grammar"),
        ("guided_regex", "answers follow no grammar"),
        ("guided_choice", "answers follow no grammar"),
        ("guided_grammar", "answers follow no grammar"),
        ("stop_token_ids", "give texts in 'stop'"),
        ("bad_words", "give token ids in 'logit_bias'"),
        ("allowed_token_ids", "give token ids in 'logit_bias'"),
        ("use_beam_search", "answers are sampled"),
        ("truncate_prompt_tokens", "shorten the prompt yourself"),
        ("prompt_logprobs", "use 'echo' with 'logprobs' in completions"),
        ("prompt_embeds", "prompts are texts or token ids"),
        ("continue_final_message", "each answer is a message of its own"),
        ("chat_template", "the model has its own"),
    ];

    /// <exception cref="ApiError">One of them is asked for.</exception>
    public static void Refuse(JsonFields fields)
    {
        foreach (var (name, why) in Never)
            if (fields.Find(name) is { } value && Asks(value))
                throw fields.Error(name, $"is not supported: {why}.");
        foreach (var name in (string[])["tool_choice", "function_call"])
            if (fields.Find(name) is { } choice && !(choice.ValueKind == JsonValueKind.String && choice.GetString() is "none" or "auto"))
                throw fields.Error(name, "is not supported: the model calls no tools.");
        if (fields.Object("response_format")?.Text("type") is { } format && format != "text")
            throw fields.Error("response_format", $"may only ask for the type 'text', not '{format}'.");
        if (fields.List("modalities") is { } modalities && modalities.Any(modality => modality.ValueKind != JsonValueKind.String || modality.GetString() != "text"))
            throw fields.Error("modalities", "may only be [\"text\"].");
        if (fields.Integer("best_of", 1) is { } best && best != (fields.Integer("n") ?? 1))
            throw fields.Error("best_of", "is not supported unless it equals 'n'.");
    }

    /// <summary>An empty list, an empty text and false ask for nothing.</summary>
    private static bool Asks(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.False => false,
        JsonValueKind.Array => value.GetArrayLength() > 0,
        JsonValueKind.String => value.GetString() != "",
        _ => true,
    };
}
