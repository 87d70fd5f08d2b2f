namespace OnnxMoe.Serving.Experts;

/// <summary>
/// Expert-aware batching (Cai et al. 2024, Read-ME, arXiv 2410.19123, Algorithm 1): the longest of the experts' queues goes into the batch as a whole,
/// then the next longest, until the room ends, so that a batch needs few experts. Beyond the paper, so much of what came first goes first that nothing
/// has to be passed over more than <paramref name="maxAge"/> times. That holds for every entry at whose arrival at most
/// (maxAge + 1) * (MaxTokens - L + 1) tokens wait, itself included, the largest entry among them having L tokens. Where more wait, the order becomes that of arrival.
/// </summary>
/// <param name="maxTokens">Most tokens in a batch.</param>
/// <param name="maxAge">A_max: batches that an entry may be passed over; at least 1.</param>
public sealed class ExpertAwareBatcher(int maxTokens, int maxAge) : Batcher(maxTokens)
{
    private readonly int _maxAge = maxAge >= 1 ? maxAge : throw new ArgumentOutOfRangeException(nameof(maxAge), maxAge, "An entry may be passed over once at least.");

    protected override void Fill(BatchDraft draft)
    {
        TakeUrgent(draft);
        while (Longest(draft) is { } expert)
        {
            foreach (var queued in draft.Waiting.Where(queued => queued.Entry.Expert == expert).ToArray())
            {
                if (!draft.IsEligible(queued.Entry))
                    continue;
                if (!draft.Fits(queued.Entry))
                    return;
                draft.Take(queued);
            }
        }
    }

    private void TakeUrgent(BatchDraft draft)
    {
        var urgent = UrgentTokens(draft.Waiting);
        foreach (var queued in draft.Waiting.ToArray())
        {
            if (urgent <= 0 || !draft.Fits(queued.Entry))
                return;
            draft.Take(queued);
            urgent -= queued.Entry.Tokens;
        }
    }

    /// <summary>
    /// Tokens from the front of the queue that this batch must take, so that later batches can take the rest in time: what is there up to some
    /// entry, less what the batches before that entry's last chance can hold. A batch that ends where an entry does not fit holds
    /// MaxTokens - L + 1 tokens at least, L being the largest entry.
    /// </summary>
    private long UrgentTokens(IReadOnlyList<QueuedEntry> waiting)
    {
        var (urgent, tokens, largest) = (0L, 0L, 0);
        foreach (var queued in waiting)
        {
            tokens += queued.Entry.Tokens;
            largest = Math.Max(largest, queued.Entry.Tokens);
            var laterBatches = Math.Max(0, _maxAge - queued.Age);
            urgent = Math.Max(urgent, tokens - (long)laterBatches * (MaxTokens - largest + 1));
        }
        return urgent;
    }

    /// <summary>The expert with the most tokens that may be computed now, of equal ones the lowest; null when there are none.</summary>
    private static int? Longest(BatchDraft draft) => draft.Waiting.Where(queued => draft.IsEligible(queued.Entry))
        .GroupBy(queued => queued.Entry.Expert, queued => queued.Entry.Tokens)
        .OrderByDescending(queue => queue.Sum()).ThenBy(queue => queue.Key)
        .Select(queue => (int?)queue.Key).FirstOrDefault();
}
