using OnnxMoe.Artifacts.Manifests;
using OnnxMoe.Artifacts.Routing;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Serving.Generation;
using OnnxMoe.Serving.Observability;

namespace OnnxMoe.Serving.Http.OpenAi;

/// <summary>A served language model, as the OpenAI routes see it.</summary>
/// <param name="Name">The name that requests give.</param>
/// <param name="Created">When it was trained.</param>
/// <param name="Sizes">Vocabulary and context.</param>
/// <param name="Codec">Its tokenizer.</param>
/// <param name="Engine">What generates.</param>
/// <param name="Template">How a chat becomes a prompt.</param>
/// <param name="DefaultMaxTokens">Tokens to generate when a request does not say.</param>
public sealed record LanguageModel(
    string Name, DateTimeOffset Created, LanguageModelSizes Sizes, ITokenizer Tokenizer, IGenerationEngine Engine, ChatTemplate Template, int DefaultMaxTokens)
{
    /// <summary>A text of so many characters is turned into tokens even when it is too long, so that the client learns its number.</summary>
    private const int AlwaysCounted = 1 << 16;

    /// <summary>Changes when the model does: equal requests with a seed get equal answers while it stays (<c>system_fingerprint</c>).</summary>
    public required string Fingerprint { get; init; }

    /// <summary>Where its requests are counted.</summary>
    public required GenerationMetrics Metrics { get; init; }

    /// <summary>The numbers of experts that a request may choose from; null when the number is fixed.</summary>
    public ActiveExperts? ActiveExperts { get; init; }

    /// <summary>The threshold that routers add experts up to; null where they select in another way.</summary>
    public double? Threshold { get; init; }

    /// <summary>The one the model was trained with.</summary>
    public double? TrainedThreshold { get; init; }

    /// <summary>Where it routes tokens and reports the experts.</summary>
    public IReadOnlyList<RoutingSite> RoutedLayers { get; init; } = [];

    /// <summary>Checks that a request means this model; one that names none does.</summary>
    internal void CheckName(JsonFields fields)
    {
        if (fields.Text("model") is { } name && name != Name)
            throw Unknown(name);
    }

    /// <summary>The error for a model that is not this one.</summary>
    internal ApiError Unknown(string? name) => new(404, $"The model '{name}' is not served here; '{Name}' is.", "model", "model_not_found");

    /// <summary>The tokens of a prompt; an empty one begins at the end of a document.</summary>
    /// <param name="text">The prompt.</param>
    /// <param name="field">The request field it came from, for errors.</param>
    /// <exception cref="ApiError">It is too long for the context whatever its tokens are: those of megabytes take time and a lot of memory.</exception>
    internal IReadOnlyList<int> Tokens(string text, string field)
    {
        if (text.Length > Math.Max(AlwaysCounted, (long)Sizes.ContextLength * Tokenizer.LongestToken))
            throw TooLong($"{text.Length} characters, but the model's context holds {Sizes.ContextLength} tokens with the answer, too few for them", field);
        return Tokenizer.Encode(text) is { Length: > 0 } tokens ? tokens : [Sizes.EndOfText];
    }

    /// <summary>The error for a prompt of so many tokens, which the context cannot hold.</summary>
    internal ApiError TooLong(int tokens, string field) => TooLong($"{tokens} tokens, but the model's context holds {Sizes.ContextLength} with the answer", field);

    /// <summary>The sequences of one prompt, checked to fit the context.</summary>
    /// <param name="prompt">Its tokens.</param>
    /// <param name="options">What the client asks.</param>
    /// <param name="field">The request field the prompt came from, for errors.</param>
    /// <param name="client">Who asks.</param>
    /// <param name="echo">The prompt is part of the answer.</param>
    internal IEnumerable<GenerationRequest> Requests(IReadOnlyList<int> prompt, GenerationOptions options, string field, string client, bool echo = false)
    {
        var room = Sizes.ContextLength - prompt.Count;
        if (room < (options.MaxTokens == 0 ? 0 : 1))
            throw TooLong(prompt.Count, field);
        if (options.MaxTokens > room)
            throw ApiError.BadRequest($"The prompt has {prompt.Count} tokens and the request asks for {options.MaxTokens} more, but the model's context holds {Sizes.ContextLength}; ask for at most {room}.", "max_tokens", "context_length_exceeded");
        return Enumerable.Range(0, options.Choices).Select(choice =>
            new GenerationRequest(prompt, options.MaxTokens ?? Math.Min(DefaultMaxTokens, room), options.Sampling with { Seed = options.Sampling.Seed + (ulong)choice })
            {
                Stops = options.Stops,
                Client = client,
                ActiveExperts = options.ActiveExperts,
                TopLogProbs = options.TopLogProbs,
                Routing = options.Routing is not null,
                PromptLogProbs = echo && options.TopLogProbs is not null,
            });
    }

    private static ApiError TooLong(string what, string field) => ApiError.BadRequest($"The prompt has {what}; shorten the prompt.", field, "context_length_exceeded");
}
