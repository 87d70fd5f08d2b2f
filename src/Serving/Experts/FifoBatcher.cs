namespace OnnxMoe.Serving.Experts;

/// <summary>The baselines that know nothing of experts: generated tokens in order of arrival, and prompts in order of arrival.</summary>
/// <param name="maxTokens">Most tokens in a batch.</param>
/// <param name="promptsFirst">Which of the two goes first: prompts (prefill-first) or generated tokens (decode-first).</param>
public sealed class FifoBatcher(int maxTokens, bool promptsFirst) : Batcher(maxTokens)
{
    protected override void Fill(BatchDraft draft)
    {
        Take(draft, promptsFirst);
        Take(draft, !promptsFirst);
    }

    private static void Take(BatchDraft draft, bool prompts)
    {
        foreach (var queued in draft.Waiting.Where(queued => queued.Entry.IsPrompt == prompts).ToArray())
        {
            if (!draft.IsEligible(queued.Entry))
                continue;
            if (!draft.Fits(queued.Entry))
                return;
            draft.Take(queued);
        }
    }
}
