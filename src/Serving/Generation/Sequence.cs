using System.Threading.Channels;
using OnnxMoe.Artifacts.Tokenizers;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Generation;

/// <summary>One sequence on its way through the scheduler: its tokens, its cache, and where its output goes.</summary>
internal sealed class Sequence(long id, int index, GenerationRequest request, ITokenizer tokenizer, ChannelWriter<GenerationEvent> output, CancellationToken cancellation) : IDisposable
{
    private readonly Sampler _sampler = new(request.Sampling, request.Prompt, tokenizer.EndOfText);
    private readonly IncrementalDecoder _characters = new(tokenizer);
    private readonly StopMatcher _stops = new(request.Stops);
    private readonly List<TokenScore> _unreported = [];
    private IReadOnlyList<TokenScore> _promptScores = [];
    private KeyValueCache? _cache;
    private int _last;

    /// <summary>Number of the client's request, for the trace.</summary>
    public long Id => id;

    public GenerationRequest Request => request;

    /// <summary>Experts each of its tokens meets; null where the model's number is fixed.</summary>
    public int? ActiveExperts { get; set; }

    /// <summary>Tokens generated so far.</summary>
    public int Generated { get; private set; }

    /// <summary>The first step reads the prompt, all later ones one token.</summary>
    public bool IsPrefill => _cache is null;

    /// <summary>Tokens in its cache.</summary>
    public int CachedTokens => _cache?.Length ?? 0;

    /// <summary>The tokens that the model has not seen: the prompt, later the token chosen last.</summary>
    public long[] Next => IsPrefill ? [.. request.Prompt.Select(token => (long)token)] : [_last];

    /// <summary>How many tokens <see cref="Next"/> has.</summary>
    public int NextTokens => IsPrefill ? request.Prompt.Count : 1;

    /// <summary>The expert of each of <see cref="Next"/>, where it is decided before the model runs.</summary>
    public long[]? ExpertIds { get; set; }

    /// <summary>Set when the sequence has ended by itself.</summary>
    public FinishReason? Finish { get; private set; }

    /// <summary>The client has gone.</summary>
    public bool IsCancelled => cancellation.IsCancellationRequested;

    /// <summary>When it was submitted, for the statistics.</summary>
    public long Submitted { get; } = TimeProvider.System.GetTimestamp();

    /// <summary>When its last token came.</summary>
    public long LastToken { get; set; }

    /// <summary>The step that feeds the model what it has not seen of this sequence.</summary>
    public ModelStep StepOf(LanguageModelSession session, bool routingWeights)
    {
        var tokens = Next;
        _cache ??= session.NewCache(rows: 1);
        return new(tokens, _cache) { RoutingWeights = routingWeights, ActiveExperts = ActiveExperts, ExpertIds = ExpertIds, Request = id };
    }

    /// <summary>Ends the output with an error.</summary>
    public void Fail(Exception problem) => output.TryComplete(problem);

    /// <summary>Chooses the next token after a step and reports the output that is final now.</summary>
    /// <param name="result">The step's scores for <paramref name="columns"/> tokens.</param>
    /// <param name="columns">Number of tokens the step fed.</param>
    public void Take(ForwardResult result, int columns)
    {
        if (Generated == 0 && request.PromptLogProbs)
            _promptScores = ScorePrompt(result);
        if (request.MaxTokens == 0)
        {
            Report("", FinishReason.Length);
            return;
        }
        var logits = Logits(result, columns - 1);
        _last = _sampler.Next(logits);
        Generated++;
        _unreported.Add(Score(logits, _last));
        if (_last == tokenizer.EndOfText && !request.Sampling.IgnoreEndOfText)
        {
            Report(_stops.Push(_characters.Finish()) + _stops.Flush(), FinishReason.Stop);
            return;
        }
        var text = _stops.Push(_characters.Add(_last));
        if (_stops.Stopped)
            Report(text, FinishReason.Stop);
        else if (Generated == request.MaxTokens)
            Report(text + _stops.Push(_characters.Finish()) + _stops.Flush(), FinishReason.Length);
        else if (text.Length > 0 || _promptScores.Count > 0)
            Report(text, null);
    }

    public void Dispose() => _cache?.Dispose();

    private void Report(string text, FinishReason? finish)
    {
        Finish = finish;
        output.TryWrite(new(index, text, [.. _unreported], finish) { PromptScores = _promptScores });
        _unreported.Clear();
        _promptScores = [];
    }

    /// <summary>The scores without those of ids that only fill the model's vocabulary up and stand for no token.</summary>
    private ReadOnlySpan<float> Logits(ForwardResult result, int column) => result.Logits(0, column)[..tokenizer.VocabularySize];

    private TokenScore Score(ReadOnlySpan<float> logits, int token) =>
        request.TopLogProbs is { } top ? LogProbs.Of(logits, token, top) : new(token, null, []);

    private List<TokenScore> ScorePrompt(ForwardResult result)
    {
        List<TokenScore> scores = [new(request.Prompt[0], null, [])];
        for (var i = 1; i < request.Prompt.Count; i++)
            scores.Add(Score(Logits(result, i - 1), request.Prompt[i]));
        return scores;
    }
}
