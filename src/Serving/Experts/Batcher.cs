namespace OnnxMoe.Serving.Experts;

/// <summary>Queues tokens whose experts are known, and forms batches of them. How is up to the kind of batcher (<see cref="Fill"/>).</summary>
/// <param name="maxTokens">Most tokens in a batch.</param>
public abstract class Batcher(int maxTokens)
{
    private readonly List<(GatedEntry Entry, int Since)> _queue = []; // in order of arrival
    private readonly Dictionary<long, int> _done = []; // sequence -> its tokens in earlier batches
    private readonly Dictionary<long, int> _known = []; // sequence -> its tokens in earlier batches or the queue

    /// <summary>Most tokens in a batch.</summary>
    public int MaxTokens => maxTokens;

    /// <summary>Batches formed so far.</summary>
    public int Batches { get; private set; }

    /// <summary>Entries that wait.</summary>
    public int Waiting => _queue.Count;

    /// <summary>Queues the next tokens of a sequence.</summary>
    /// <exception cref="ArgumentException">They do not follow the tokens known so far, or would never fit into a batch.</exception>
    public void Add(GatedEntry entry)
    {
        var expected = _known.GetValueOrDefault(entry.Sequence);
        if (entry.Position != expected)
            throw new ArgumentException($"Sequence {entry.Sequence} goes on at token {expected}, not {entry.Position}.", nameof(entry));
        if (entry.Tokens > maxTokens)
            throw new ArgumentException($"{entry.Tokens} tokens do not fit into batches of {maxTokens}.", nameof(entry));
        _known[entry.Sequence] = entry.Position + entry.Tokens;
        _queue.Add((entry, Batches));
    }

    /// <summary>Drops all of a sequence that has ended or was given up.</summary>
    public void Forget(long sequence)
    {
        _queue.RemoveAll(queued => queued.Entry.Sequence == sequence);
        _done.Remove(sequence);
        _known.Remove(sequence);
    }

    /// <summary>Forms the next batch and takes it out of the queue; empty when nothing can be computed.</summary>
    public IReadOnlyList<GatedEntry> Next()
    {
        var batch = Form(_queue, _done, Batches);
        if (batch.Count > 0)
            Batches++;
        return batch;
    }

    /// <summary>The batches that would follow if nothing more came: all that can be known now of the future.</summary>
    public IReadOnlyList<IReadOnlyList<GatedEntry>> Upcoming()
    {
        var (queue, done) = (_queue.ToList(), _done.ToDictionary());
        var batches = new List<IReadOnlyList<GatedEntry>>();
        while (Form(queue, done, Batches + batches.Count) is { Count: > 0 } batch)
            batches.Add(batch);
        return batches;
    }

    /// <summary>Moves entries into a batch, each whole, eligible and fitting, until it is as the batcher wants it.</summary>
    protected abstract void Fill(BatchDraft draft);

    private IReadOnlyList<GatedEntry> Form(List<(GatedEntry Entry, int Since)> queue, Dictionary<long, int> done, int number)
    {
        var draft = new BatchDraft(queue.Select(queued => new QueuedEntry(queued.Entry, number - queued.Since)), done, maxTokens);
        Fill(draft);
        var taken = draft.Taken.ToHashSet();
        queue.RemoveAll(queued => taken.Contains(queued.Entry));
        foreach (var entry in draft.Taken)
            done[entry.Sequence] = entry.Position + entry.Tokens;
        return draft.Taken;
    }
}
