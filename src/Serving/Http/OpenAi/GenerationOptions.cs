using System.Text.Json;
using Microsoft.AspNetCore.Http;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Serving.Generation;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>What a client asks of a generation, whichever route it uses.</summary>
/// <param name="Sampling">How tokens are chosen; choice i of n gets the seed plus i.</param>
/// <param name="MaxTokens">Most tokens a choice; null leaves it to the server.</param>
/// <param name="Stops">Texts that end a choice.</param>
/// <param name="Choices">How many answers (<c>n</c>).</param>
/// <param name="Stream">Send the answer piece by piece.</param>
/// <param name="IncludeUsage">End a stream with a chunk that has the token counts.</param>
/// <param name="TopLogProbs">How many alternatives to report a token; null reports no probabilities.</param>
/// <param name="ReturnTokenIds">Add the ids of prompt and output to the answer.</param>
internal sealed record GenerationOptions(
    SamplingSettings Sampling, int? MaxTokens, IReadOnlyList<string> Stops, int Choices, bool Stream, bool IncludeUsage, int? TopLogProbs, bool ReturnTokenIds)
{
    /// <summary>Experts a token meets; null leaves it to the server.</summary>
    public int? ActiveExperts { get; init; }

    /// <summary>How long the client waits from now; null when as long as it takes.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Where the experts of each token are reported; null reports none.</summary>
    public IReadOnlyList<RoutingSite>? Routing { get; init; }

    private const int MostChoices = 128;
    private const int MostStops = 16;
    private const int MostLogProbs = 20;

    /// <summary>Reads the fields that completions and chat share.</summary>
    /// <param name="request">For its headers.</param>
    /// <param name="fields">Its body.</param>
    /// <param name="model">The model that is asked.</param>
    /// <param name="serverSeconds">How long the server lets a request take; 0: any time.</param>
    /// <param name="chat">Chat names its probability fields differently, and always generates.</param>
    public static GenerationOptions Read(HttpRequest request, JsonFields fields, LanguageModel model, double serverSeconds, bool chat)
    {
        UnsupportedFields.Refuse(fields);
        var stream = fields.Flag("stream");
        if (!stream && fields.Find("stream_options") is not null)
            throw fields.Error("stream_options", "needs 'stream': true beside it.");
        var timeout = TimeLimit.Read(request, fields, serverSeconds);
        var maxTokens = fields.Integer("max_completion_tokens", chat ? 1 : 0, int.MaxValue) ?? fields.Integer("max_tokens", chat ? 1 : 0, int.MaxValue);
        return new(
            ReadSampling(fields, model.Tokenizer.VocabularySize),
            (int?)maxTokens,
            ReadStops(fields),
            (int)(fields.Integer("n", 1, MostChoices) ?? 1),
            stream,
            stream && (fields.Object("stream_options")?.Flag("include_usage") ?? false),
            ReadLogProbs(fields, chat),
            fields.Flag("return_token_ids"))
        {
            ActiveExperts = ActiveExpertsField.Read(request, fields, model),
            Timeout = timeout,
            Routing = RoutingField.Read(fields, model),
        };
    }

    private static SamplingSettings ReadSampling(JsonFields fields, int vocabulary) => new()
    {
        Temperature = fields.Number("temperature", 0, 100) ?? 1,
        TopP = fields.Number("top_p", 0, 1) ?? 1,
        TopK = (int)Math.Max(0, fields.Integer("top_k", -1, int.MaxValue) ?? 0),
        MinP = fields.Number("min_p", 0, 1) ?? 0,
        RepetitionPenalty = fields.Number("repetition_penalty", 0.01, 100) ?? 1,
        PresencePenalty = fields.Number("presence_penalty", -2, 2) ?? 0,
        FrequencyPenalty = fields.Number("frequency_penalty", -2, 2) ?? 0,
        MinTokens = (int)(fields.Integer("min_tokens", 0, int.MaxValue) ?? 0),
        IgnoreEndOfText = fields.Flag("ignore_eos"),
        LogitBias = ReadBias(fields, vocabulary),
        Seed = unchecked((ulong)(fields.Integer("seed") ?? Random.Shared.NextInt64())),
    };

    private static Dictionary<int, float> ReadBias(JsonFields fields, int vocabulary)
    {
        var bias = new Dictionary<int, float>();
        if (fields.Object("logit_bias") is not { } object_)
            return bias;
        foreach (var entry in object_.All)
        {
            if (!int.TryParse(entry.Name, out var token) || token < 0 || token >= vocabulary)
                throw fields.Error("logit_bias", $"has the key '{entry.Name}', but keys must be token ids from 0 to {vocabulary - 1}.");
            if (object_.Number(entry.Name, -100, 100) is { } value)
                bias[token] = (float)value;
        }
        return bias;
    }

    private static IReadOnlyList<string> ReadStops(JsonFields fields)
    {
        if (fields.Find("stop") is not { } value)
            return [];
        var stops = value.ValueKind == JsonValueKind.String ? [value] : fields.List("stop")!;
        if (stops.Count > MostStops || stops.Any(stop => stop.ValueKind != JsonValueKind.String || stop.GetString() == ""))
            throw fields.Error("stop", $"must be a string or at most {MostStops} strings, none of them empty.");
        return [.. stops.Select(stop => stop.GetString()!)];
    }

    private static int? ReadLogProbs(JsonFields fields, bool chat)
    {
        if (!chat)
            return (int?)fields.Integer("logprobs", 0, MostLogProbs);
        var top = fields.Integer("top_logprobs", 0, MostLogProbs);
        if (fields.Flag("logprobs"))
            return (int)(top ?? 0);
        return top is null or 0 ? null : throw fields.Error("top_logprobs", "needs 'logprobs': true beside it.");
    }
}
