using System.Collections.Concurrent;

namespace OnnxMoe.Drills.Tools;

/// <summary>Counts outcomes from many threads.</summary>
internal sealed class Tally
{
    private readonly ConcurrentDictionary<Outcome, int> _counts = [];

    public int this[Outcome outcome] => _counts.GetValueOrDefault(outcome);

    /// <summary>Nothing was wrong, refused or failed.</summary>
    public bool OnlyRight => _counts.All(count => count.Key == Outcome.Right || count.Value == 0);

    public void Add(Outcome outcome) => _counts.AddOrUpdate(outcome, 1, (_, count) => count + 1);

    public override string ToString() => string.Join(", ", Enum.GetValues<Outcome>().Where(outcome => this[outcome] > 0).Select(outcome => $"{this[outcome]:N0} {outcome.ToString().ToLowerInvariant()}"));
}
