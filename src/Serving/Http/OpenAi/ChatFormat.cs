using System.Text.Json.Nodes;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Serving.Generation;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>Answers of <c>/v1/chat/completions</c>.</summary>
internal sealed class ChatFormat(ITokenizer tokenizer, GenerationOptions options, IReadOnlyList<int> prompt) : IAnswerFormat
{
    public string IdPrefix => "chatcmpl-";

    public string ObjectName(bool stream) => stream ? "chat.completion.chunk" : "chat.completion";

    /// <summary>The first delta carries the role, later ones the text, the last is empty and gives the reason.</summary>
    public IEnumerable<JsonObject> Pieces(int choice, bool first, GenerationEvent next)
    {
        if (first)
            yield return Piece(choice, new JsonObject { ["role"] = "assistant", ["content"] = "" }, null, null);
        if (next.Text.Length > 0 || next.Routing.Count > 0 || next.Tokens.Count > 0 && options.TopLogProbs is not null)
            yield return WithDetails(Piece(choice, new JsonObject { ["content"] = next.Text }, LogProbs(next), null), next, first);
        if (next.Finish is not null)
            yield return Piece(choice, [], null, next.Finish);
    }

    public JsonObject Whole(int choice, GenerationEvent all) => WithDetails(new()
    {
        ["index"] = choice,
        ["message"] = new JsonObject { ["role"] = "assistant", ["content"] = all.Text, ["refusal"] = null },
        ["logprobs"] = LogProbs(all),
        ["finish_reason"] = all.Finish.Word(),
    }, all, first: true);

    private static JsonObject Piece(int choice, JsonObject delta, JsonObject? logProbs, FinishReason? finish) =>
        new() { ["index"] = choice, ["delta"] = delta, ["logprobs"] = logProbs, ["finish_reason"] = finish.Word() };

    private JsonObject WithDetails(JsonObject json, GenerationEvent next, bool first)
    {
        if (options.Routing is { } sites)
            json[RoutingField.Name] = RoutingField.Write(sites, next.Routing);
        if (!options.ReturnTokenIds)
            return json;
        json["token_ids"] = new JsonArray([.. next.Tokens.Select(token => (JsonNode)token.Token)]);
        if (first)
            json["prompt_token_ids"] = new JsonArray([.. prompt.Select(token => (JsonNode)token)]);
        return json;
    }

    private JsonObject? LogProbs(GenerationEvent next) => options.TopLogProbs is null ? null : new()
    {
        ["content"] = new JsonArray([.. next.Tokens.Select(token =>
        {
            var entry = Entry(token.Token, token.LogProb ?? 0);
            entry["top_logprobs"] = new JsonArray([.. token.Top.Select(top => (JsonNode)Entry(top.Token, top.LogProb))]);
            return (JsonNode)entry;
        })]),
    };

    private JsonObject Entry(int token, double logProb) => new()
    {
        ["token"] = tokenizer.Text(token),
        ["logprob"] = logProb,
        ["bytes"] = new JsonArray([.. tokenizer.BytesOf(token).ToArray().Select(value => (JsonNode)(int)value)]),
    };
}
