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
    private readonly List<int> _tokens = [.. request.Prompt];
    private readonly List<TokenScore> _unreported = [];
    private readonly List<TokenScore> _promptScores = [];
    private readonly List<TokenRouting> _routing = []; // not reported yet
    private int _computed; // tokens of which the model has computed everything, even if its cache was given up since
    private int _routed; // generated tokens whose experts are known
    private SequenceCache? _cache;

    /// <summary>Number of the client's request, for the trace.</summary>
    public long Id => id;

    public GenerationRequest Request => request;

    /// <summary>Experts each of its tokens meets; null where the model's number is fixed.</summary>
    public int? ActiveExperts { get; set; }

    /// <summary>The prompt, and what was generated so far.</summary>
    public IReadOnlyList<int> Tokens => _tokens;

    /// <summary>Tokens generated so far.</summary>
    public int Generated => _tokens.Count - request.Prompt.Count;

    /// <summary>No token was generated yet.</summary>
    public bool IsPrefill => Generated == 0;

    /// <summary>Tokens in its cache.</summary>
    public int CachedTokens => _cache?.Length ?? 0;

    /// <summary>Tokens that it did not have to compute when it got its slot, because another sequence had.</summary>
    public int ReusedTokens { get; private set; }

    /// <summary>Tokens that the model has not seen: the prompt, later the token chosen last; more after its cache was given up.</summary>
    public int Pending => _tokens.Count - CachedTokens;

    /// <summary>The expert of each token, where it is decided before the model runs.</summary>
    public List<long> ExpertIds { get; } = [];

    /// <summary>Set when the sequence has ended by itself.</summary>
    public FinishReason? Finish { get; private set; }

    /// <summary>The client has gone.</summary>
    public bool IsCancelled => cancellation.IsCancellationRequested;

    /// <summary>When it was submitted, for the statistics.</summary>
    public long Submitted { get; } = TimeProvider.System.GetTimestamp();

    /// <summary>When it got its slot; 0 before.</summary>
    public long Started { get; set; }

    /// <summary>When its first token was chosen; 0 before.</summary>
    private long FirstToken { get; set; }

    /// <summary>When its last token came.</summary>
    public long LastToken { get; set; }

    /// <summary>Gets a cache, and with it what others have computed of the same beginning.</summary>
    /// <param name="model">Which model it is for.</param>
    /// <param name="reuse">Whether the results of all its tokens may be left out.</param>
    public void Open(CausalModel model, bool reuse)
    {
        _cache = model.NewSequence(id);
        var reused = reuse && !request.PromptLogProbs ? _cache.Reuse(_tokens, ActiveExperts ?? 0) : 0;
        if (Started == 0)
            ReusedTokens = reused;
    }

    /// <summary>Gives its cache up, to compute it once more later.</summary>
    public void Close()
    {
        _cache?.Dispose();
        _cache = null;
        _promptScores.Clear(); // those that were not reported come again with the tokens
    }

    /// <summary>Makes room in the cache for a step of so many tokens; false when there is none.</summary>
    public bool TryGrow(int tokens) => _cache!.TryGrow(tokens);

    /// <summary>The step that feeds the model the next <paramref name="count"/> of the tokens that it has not seen.</summary>
    public ModelStep StepOf(int count, bool routingWeights)
    {
        var seen = _cache!.Length;
        return new([.. _tokens.Skip(seen).Take(count).Select(token => (long)token)], _cache)
        {
            RoutingWeights = routingWeights,
            ActiveExperts = ActiveExperts,
            ExpertIds = ExpertIds.Count > 0 ? [.. ExpertIds.Skip(seen).Take(count)] : null,
            Request = id,
            Repeated = Math.Clamp(_computed - seen, 0, count),
            LastLogitsOnly = !request.PromptLogProbs || !IsPrefill,
        };
    }

    /// <summary>Ends the output with an error.</summary>
    public void Fail(Exception problem) => output.TryComplete(problem);

    /// <summary>Takes over a step of <paramref name="columns"/> tokens; when none is left that the model has not seen, chooses the next one and reports what is final now.</summary>
    /// <returns>True when a token was chosen, or the sequence ended without one.</returns>
    public bool Take(ForwardResult result, int columns)
    {
        _computed = Math.Max(_computed, CachedTokens);
        if (IsPrefill && request.PromptLogProbs)
            ScorePrompt(result, columns);
        if (request.Routing)
            NoteRouting(result, columns);
        if (Pending > 0)
            return false;
        if (FirstToken == 0)
            FirstToken = TimeProvider.System.GetTimestamp();
        if (request.MaxTokens == 0)
        {
            Report("", FinishReason.Length);
            return true;
        }
        var logits = Logits(result, columns - 1);
        var last = _sampler.Next(logits);
        _tokens.Add(last);
        _unreported.Add(Score(logits, last));
        if (last == tokenizer.EndOfText && !request.Sampling.IgnoreEndOfText)
        {
            Report(_stops.Push(_characters.Finish()) + _stops.Flush(), FinishReason.Stop);
            return true;
        }
        var text = _stops.Push(_characters.Add(last));
        if (_stops.Stopped)
            Report(text, FinishReason.Stop);
        else if (Generated == request.MaxTokens)
            Report(text + _stops.Push(_characters.Finish()) + _stops.Flush(), FinishReason.Length);
        else if (text.Length > 0 || _promptScores.Count > 0)
            Report(text, null);
        return true;
    }

    public void Dispose() => Close();

    private void Report(string text, FinishReason? finish)
    {
        Finish = finish;
        var times = finish is null ? null
            : new SequenceTimes(Submitted, Started, FirstToken, TimeProvider.System.GetTimestamp()) { CachedPromptTokens = Math.Min(ReusedTokens, request.Prompt.Count) };
        output.TryWrite(new(index, text, [.. _unreported], finish) { PromptScores = [.. _promptScores], Times = times, Routing = [.. _routing] });
        _unreported.Clear();
        _promptScores.Clear();
        _routing.Clear();
    }

    /// <summary>Keeps the experts of the generated tokens in a step, but not once more of those that are computed again because the cache was given up.</summary>
    private void NoteRouting(ForwardResult result, int columns)
    {
        for (var column = 0; column < columns; column++)
        {
            if (CachedTokens - columns + column != request.Prompt.Count + _routed)
                continue;
            _routing.Add(TokenRouting.Of(result, column, columns));
            _routed++;
        }
    }

    /// <summary>The scores without those of ids that only fill the model's vocabulary up and stand for no token.</summary>
    private ReadOnlySpan<float> Logits(ForwardResult result, int column) => result.Logits(0, column)[..tokenizer.VocabularySize];

    private TokenScore Score(ReadOnlySpan<float> logits, int token) =>
        request.TopLogProbs is { } top ? LogProbs.Of(logits, token, top) : new(token, null, []);

    /// <summary>Scores the prompt's tokens that follow those of a step.</summary>
    private void ScorePrompt(ForwardResult result, int columns)
    {
        var first = CachedTokens - columns;
        if (first == 0)
            _promptScores.Add(new(request.Prompt[0], null, []));
        for (var column = 0; column < columns && first + column + 1 < request.Prompt.Count; column++)
            _promptScores.Add(Score(Logits(result, column), request.Prompt[first + column + 1]));
    }
}
