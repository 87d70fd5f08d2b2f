using OnnxMoe.Serving.Experts;
using OnnxMoe.Serving.Observability;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.Generation;

/// <summary>
/// The order of a model whose router runs ahead: it decides for a prompt when the request comes and for each generated token when it is chosen, and
/// a batcher orders the steps so that those with the same expert follow each other.
/// </summary>
/// <param name="router">Decides.</param>
/// <param name="batcher">Orders the steps of running sequences.</param>
/// <param name="meter">Is told which experts are used and will be; null where nobody asks.</param>
internal sealed class PreGatedOrder(PreGateSession router, Batcher batcher, ExpertCacheMeter? meter) : IStepOrder
{
    private readonly Dictionary<Sequence, Gated> _gated = [];
    private readonly Dictionary<long, Sequence> _sequences = []; // by number in the batcher
    private long _numbers;

    public bool WantsWholeSteps => true;

    public void Arrived(Sequence sequence)
    {
        var gated = _gated[sequence] = new Gated(_numbers++, router.NewCache());
        sequence.ExpertIds.Clear(); // of a sequence that had to give its slot up
        _sequences[gated.Number] = sequence;
        Decide(sequence, gated);
    }

    public void Started(Sequence sequence) => Queue(_gated[sequence]);

    public IReadOnlyList<Sequence> Next(IReadOnlyList<Sequence> running)
    {
        var batch = batcher.Next();
        meter?.Use(batch, [.. batcher.Upcoming(), .. WaitingForSlots()]);
        return [.. batch.Select(entry => _sequences[entry.Sequence])];
    }

    public void Stepped(Sequence sequence)
    {
        var gated = _gated[sequence];
        Decide(sequence, gated);
        Queue(gated);
    }

    public void Left(Sequence sequence)
    {
        if (!_gated.Remove(sequence, out var gated))
            return;
        _sequences.Remove(gated.Number);
        batcher.Forget(gated.Number);
        gated.Cache.Dispose();
    }

    private void Decide(Sequence sequence, Gated gated)
    {
        var position = gated.Cache.Length;
        gated.Entry = new GatedEntry(gated.Number, position, router.Decide([.. sequence.Tokens.Skip(position).Select(token => (long)token)], gated.Cache));
        sequence.ExpertIds.AddRange(gated.Entry.Experts.Select(expert => (long)expert));
    }

    private void Queue(Gated gated)
    {
        batcher.Add(gated.Entry!);
        gated.IsQueued = true;
    }

    /// <summary>The prompts that come after all that the batcher has.</summary>
    private IEnumerable<IReadOnlyList<GatedEntry>> WaitingForSlots() =>
        _gated.Values.Where(gated => gated is { IsQueued: false, Entry: not null }).OrderBy(gated => gated.Number).Select(gated => new[] { gated.Entry! });

    /// <summary>What is known of a sequence.</summary>
    private sealed class Gated(long number, KeyValueCache cache)
    {
        public long Number => number;

        /// <summary>The router's.</summary>
        public KeyValueCache Cache => cache;

        /// <summary>Its next step.</summary>
        public GatedEntry? Entry { get; set; }

        /// <summary>It has a slot, so the batcher knows it.</summary>
        public bool IsQueued { get; set; }
    }
}
