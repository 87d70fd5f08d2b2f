using System.Text.Json.Nodes;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Serving.Generation;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>Answers of <c>/v1/completions</c>.</summary>
/// <param name="tokenizer">For the text of tokens.</param>
/// <param name="options">What the client asked.</param>
/// <param name="prompts">The prompts' tokens; choice c continues prompt c / n.</param>
/// <param name="echo">Begin each choice with its prompt.</param>
internal sealed class CompletionFormat(ITokenizer tokenizer, GenerationOptions options, IReadOnlyList<IReadOnlyList<int>> prompts, bool echo) : IAnswerFormat
{
    private readonly Dictionary<int, (IncrementalDecoder Decoder, int Offset)> _places = []; // choice -> where its text has got to

    public string IdPrefix => "cmpl-";

    public string ObjectName(bool stream) => "text_completion";

    public IEnumerable<JsonObject> Pieces(int choice, bool first, GenerationEvent next) => [Choice(choice, first, next)];

    public JsonObject Whole(int choice, GenerationEvent all) => Choice(choice, first: true, all);

    private JsonObject Choice(int choice, bool first, GenerationEvent next)
    {
        var prompt = prompts[choice / options.Choices];
        IReadOnlyList<TokenScore> scores = first && echo ? [.. next.PromptScores, .. next.Tokens] : next.Tokens;
        var json = new JsonObject
        {
            ["index"] = choice,
            ["text"] = first && echo ? PromptText(prompt) + next.Text : next.Text,
            ["logprobs"] = options.TopLogProbs is null ? null : LogProbs(choice, scores),
            ["finish_reason"] = next.Finish.Word(),
        };
        if (options.ReturnTokenIds)
        {
            json["token_ids"] = new JsonArray([.. next.Tokens.Select(token => (JsonNode)token.Token)]);
            if (first)
                json["prompt_token_ids"] = new JsonArray([.. prompt.Select(token => (JsonNode)token)]);
        }
        if (options.Routing is { } sites)
            json[RoutingField.Name] = RoutingField.Write(sites, next.Routing);
        return json;
    }

    private JsonObject LogProbs(int choice, IReadOnlyList<TokenScore> scores)
    {
        var (tokens, values, top, offsets) = (new JsonArray(), new JsonArray(), new JsonArray(), new JsonArray());
        var (decoder, offset) = _places.GetValueOrDefault(choice, (new IncrementalDecoder(tokenizer), 0));
        foreach (var score in scores)
        {
            tokens.Add((JsonNode)tokenizer.Text(score.Token));
            values.Add(score.LogProb is { } value ? (JsonNode)value : null);
            top.Add(score.LogProb is null ? null : Alternatives(score));
            offsets.Add((JsonNode)offset);
            offset += decoder.Add(score.Token).Length;
        }
        _places[choice] = (decoder, offset);
        return new() { ["text_offset"] = offsets, ["token_logprobs"] = values, ["tokens"] = tokens, ["top_logprobs"] = top };
    }

    private JsonObject Alternatives(TokenScore score)
    {
        var json = new JsonObject();
        foreach (var (token, value) in score.Top)
            json[tokenizer.Text(token)] = value;
        return json;
    }

    private string PromptText(IReadOnlyList<int> prompt) => tokenizer.Decode([.. prompt]);
}
