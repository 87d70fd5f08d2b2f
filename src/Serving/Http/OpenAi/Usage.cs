using System.Text.Json.Nodes;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>Token counts of a request.</summary>
internal sealed class Usage(int promptTokens)
{
    /// <summary>Tokens of the prompts, each counted once however many choices it has.</summary>
    public int PromptTokens => promptTokens;

    /// <summary>Tokens generated, the end of the text among them.</summary>
    public int CompletionTokens { get; set; }

    /// <summary>Of the prompts' tokens those that were in the cache already.</summary>
    public int CachedTokens { get; set; }

    public JsonObject ToJson()
    {
        var json = new JsonObject
        {
            ["prompt_tokens"] = PromptTokens,
            ["completion_tokens"] = CompletionTokens,
            ["total_tokens"] = PromptTokens + CompletionTokens,
        };
        if (CachedTokens > 0)
            json["prompt_tokens_details"] = new JsonObject { ["cached_tokens"] = CachedTokens };
        return json;
    }
}
