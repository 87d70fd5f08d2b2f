namespace OnnxMoe.Serving.Experts;

/// <summary>A batch while it is put together: what still waits, and how many tokens still fit.</summary>
public sealed class BatchDraft
{
    private readonly List<QueuedEntry> _waiting;
    private readonly List<GatedEntry> _taken = [];
    private readonly Dictionary<long, int> _done; // sequence -> its tokens that are cached or in this batch

    internal BatchDraft(IEnumerable<QueuedEntry> waiting, IReadOnlyDictionary<long, int> done, int room) =>
        (_waiting, _done, Room) = ([.. waiting], new(done), room);

    /// <summary>What is not in the batch, in order of arrival.</summary>
    public IReadOnlyList<QueuedEntry> Waiting => _waiting;

    /// <summary>The batch so far.</summary>
    public IReadOnlyList<GatedEntry> Taken => _taken;

    /// <summary>Tokens that still fit.</summary>
    public int Room { get; private set; }

    /// <summary>True when all earlier tokens of the sequence are cached, or in this batch.</summary>
    public bool IsEligible(GatedEntry entry) => entry.Position == _done.GetValueOrDefault(entry.Sequence);

    /// <summary>True when the whole entry fits.</summary>
    public bool Fits(GatedEntry entry) => entry.Tokens <= Room;

    /// <summary>Moves an entry into the batch.</summary>
    public void Take(QueuedEntry queued)
    {
        var entry = queued.Entry;
        if (!IsEligible(entry) || !Fits(entry) || !_waiting.Remove(queued))
            throw new InvalidOperationException($"The batch cannot take {entry}.");
        _taken.Add(entry);
        _done[entry.Sequence] = entry.Position + entry.Tokens;
        Room -= entry.Tokens;
    }
}
