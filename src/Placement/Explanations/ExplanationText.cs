using System.Globalization;
using OnnxMoe.Placement.Costs;

namespace OnnxMoe.Placement.Explanations;

/// <summary>An explanation as people read it: sentences and one table.</summary>
public sealed class ExplanationText(Explanation why)
{
    bool HasTrace => why.Subject.Input.Trace is not null;

    double Load => why.ExpertLoad[why.Expert];

    /// <summary>Writes it.</summary>
    public void Write(TextWriter output)
    {
        foreach (var sentence in (IEnumerable<string?>)[Where(), Method(), LoadOfExpert(), LoadOfGpus(), Copies(), .. Company(), Rules()])
        {
            if (sentence is not null)
                output.WriteLine(sentence);
        }
        if (why.Alternatives.Count == 0)
        {
            output.WriteLine($"Every GPU has expert {why.Expert}, so there is no other GPU for it.");
            return;
        }
        output.WriteLine();
        WriteTable(output);
        output.WriteLine();
        foreach (var sentence in Verdict())
            output.WriteLine(sentence);
    }

    string Where()
    {
        var (plan, homes) = (why.Subject.Plan, why.Homes);
        var others = why.Layer.Devices[homes[0]].Except([why.Expert]).Order().ToList();
        return homes.Count == 1
            ? $"Expert {why.Expert} of layer {why.Layer.Layer} is on {Gpu(homes[0])}, {(others.Count == 0 ? "alone" : $"with {Numbers("expert", others)}")}, by {plan.Solver} from {plan.Source.Trace}."
            : $"Expert {why.Expert} of layer {why.Layer.Layer} has {homes.Count} copies, on {List(homes.Select(Gpu))}, by {plan.Solver} from {plan.Source.Trace}.";
    }

    string? Method() => MethodWords.Of(why.Subject.Plan.Solver);

    string LoadOfExpert()
    {
        if (why.IsUnused)
            return "No token reached the layer; its experts are taken to be used evenly.";
        var (all, mean) = (why.ExpertLoad.Sum(), why.ExpertLoad.Average());
        var rank = 1 + why.ExpertLoad.Count(load => load > Load);
        return $"Load: {Units.Number(Load)} of the layer's {Units.Number(all)} choices ({Units.Percent(Load / all)}), {Units.Number(Load / mean, 2)} times the mean expert's; place {rank} of {why.ExpertLoad.Count}.";
    }

    string LoadOfGpus()
    {
        var mean = why.GpuLoad.Average();
        string Of(int gpu) => $"{Units.Number(why.GpuLoad[gpu], 0)} choices, {Units.Number(why.GpuLoad[gpu] / mean, 3)} times the mean GPU's";
        var speeds = why.Subject.Input.Cluster.Speeds;
        var busiest = Enumerable.Range(0, why.GpuLoad.Count).MaxBy(g => why.GpuLoad[g] / speeds[g]);
        return $"In this layer {List(why.Homes.Select(g => $"GPU {g} has {Of(g)}"))}; "
            + (why.Homes.Contains(busiest) ? $"GPU {busiest} takes longest." : $"GPU {busiest} takes longest, with {Units.Number(why.GpuLoad[busiest] / mean, 3)}.");
    }

    string? Copies()
    {
        var copies = why.Layer.Copies();
        if (copies.All(c => c == 1))
            return null;
        var (mine, most) = (Load / copies[why.Expert], Enumerable.Range(0, copies.Length).MaxBy(e => why.ExpertLoad[e] / (double)copies[e]));
        return copies[why.Expert] > 1
            ? $"Copies: each of its {copies[why.Expert]} takes {Units.Number(mine, 1)} choices; one copy alone would take {Units.Number(Load / why.ExpertLoad.Average(), 2)} times the mean expert's load, and the copies are there to divide that."
            : $"Copies: none. The layer has {copies.Count(c => c > 1)} experts with copies; those go to the most load a copy, and this one's {Units.Number(mine, 1)} choices are {(most == why.Expert ? "the most now" : $"less than expert {most}'s {Units.Number(why.ExpertLoad[most] / (double)copies[most], 1)}")}.";
    }

    IEnumerable<string> Company()
    {
        if (!HasTrace)
            return ["Expert counts do not link layers, so nothing is known about traffic."];
        return from side in new[] { ("before", why.Before()), ("after", why.After()) }
               where side.Item2.Count > 0
               select $"Of the layer {side.Item1} ({side.Item2[0].Layer}) it shares most tokens with {List(side.Item2.Select(Companion))}.";
    }

    string Companion(Companion companion)
    {
        var place = companion.Gpus.Any(why.Homes.Contains) ? "the same GPU"
            : companion.Gpus.Any(g => why.Homes.Any(home => Node(home) == Node(g))) ? $"GPU {string.Join("/", companion.Gpus)}{(Nodes > 1 ? ", same node" : "")}"
            : $"GPU {string.Join("/", companion.Gpus)}, another node";
        return $"expert {companion.Expert} ({Units.Number(companion.Tokens)}; {place})";
    }

    string Rules() => $"Rules: {why.EqualRule}{(why.Subject.Plan.Devices.Any(d => d.MemoryBytes > 0) && why.Alternatives.Any(a => a.UsedBytes > 0) ? "; no GPU may hold more than its memory" : "; memory is not checked, as sizes or memory are not known")}.";

    void WriteTable(TextWriter output)
    {
        var tokens = HasTrace ? $" on all {Units.Number(why.Subject.Input.All.Length)} tokens" : "";
        output.WriteLine($"What another GPU would cost{tokens} (change in the layer; below 0 is better):");
        List<string[]> rows = [["GPU", "node", "how", "max/mean load", "busiest flow", "GPUs a token", "memory then", "forbidden by"]];
        rows.Add(["-", "-", "as planned", Units.Number(why.Now.MaxOverMean, 3), Units.Number(why.Now.FlowBusiest), Units.Number(why.Now.HomeCopies, 3), "-", "-"]);
        rows.AddRange(why.Alternatives.Select(Row));
        var widths = Enumerable.Range(0, rows[0].Length).Select(c => rows.Max(row => row[c].Length)).ToArray();
        foreach (var row in rows)
            output.WriteLine("  " + string.Join("  ", row.Select((cell, c) => cell.PadRight(widths[c]))).TrimEnd());
    }

    string[] Row(Alternative a) =>
    [
        $"{a.To}", Node(a.To), why.Homes.Count > 1 ? $"{a.Kind}, from {a.From}" : a.Kind,
        Change(a.Then.MaxOverMean - why.Now.MaxOverMean, 3), Change(a.Then.FlowBusiest - why.Now.FlowBusiest, 0), Change(a.Then.HomeCopies - why.Now.HomeCopies, 3),
        Memory(a), a.Against.Count == 0 ? "-" : string.Join(", ", a.Against),
    ];

    string Memory(Alternative a)
    {
        var memory = why.Subject.Plan.Devices[a.To].MemoryBytes;
        return a.UsedBytes == 0 ? "-" : memory == 0 ? Units.Bytes(a.UsedBytes) : $"{Units.Bytes(a.UsedBytes)} of {Units.Bytes(memory)}";
    }

    IEnumerable<string> Verdict()
    {
        var better = why.Alternatives.Where(a => a.Then.IsBetterInAllThan(why.Now)).ToList();
        var equal = why.Alternatives.Where(a => a.Then.IsBetterOrEqualInAllThan(why.Now)).Except(better).ToList();
        if (better.FirstOrDefault(a => a.Against.Count == 0) is { } allowed)
            yield return $"GPU {allowed.To} would be better in every measure ({allowed.Kind}), and nothing forbids it: the plan can be improved here.";
        else if (better.Count > 0)
            yield return $"GPU {better[0].To} would be better in every measure ({better[0].Kind}), but that is forbidden by: {string.Join(", ", better[0].Against)}.";
        else if (equal.FirstOrDefault(a => a.Against.Count == 0) is { } free)
            yield return $"No other GPU would be better in every measure, but GPU {free.To} ({free.Kind}) would be better in some and worse in none, and nothing forbids it.";
        else
            yield return "No other GPU that is allowed would be better in one measure without being worse in another.";
        if (why.Alternatives.Where(a => a.Against.Count == 0).MinBy(a => a.Then.CostAgainst(why.Now)) is { } cheapest)
            yield return $"Of what is allowed, the least costly on the whole is GPU {cheapest.To} ({cheapest.Kind}): the relative changes add up to {Signed(100 * cheapest.Then.CostAgainst(why.Now), 1)} %.";
        if (Proved() is { } proved)
            yield return proved;
    }

    /// <summary>What is known about the programs that decided over this layer.</summary>
    string? Proved()
    {
        var mine = why.Subject.Plan.Solves.Where(s => !s.Program.Contains("layer", StringComparison.Ordinal) || s.Program.EndsWith($" layer {why.Layer.Layer}", StringComparison.Ordinal)).ToList();
        return mine.Count == 0 ? null : $"What the solver proved: {List(mine.Select(s => $"{s.Program} {s.Status}{(s.Gap > 0 ? $" (another answer could be better by {Units.Percent(s.Gap)} at most)" : "")}"))}.";
    }

    int Nodes => why.Subject.Plan.Devices.Select(d => d.Node).Distinct().Count();

    string Node(int gpu) => why.Subject.Plan.Devices[gpu].Node;

    string Gpu(int gpu) => $"GPU {gpu} (node {Node(gpu)})";

    static string Change(double change, int digits) => double.IsFinite(change) ? Signed(change, digits) : "-";

    static string Signed(double value, int digits)
    {
        var text = Math.Abs(value).ToString($"N{digits}", CultureInfo.InvariantCulture);
        return text.All(c => c is '0' or '.') ? "0" : (value < 0 ? "-" : "+") + text;
    }

    static string Numbers(string word, IReadOnlyList<int> numbers) => $"{word}{(numbers.Count == 1 ? "" : "s")} {List(numbers.Select(n => $"{n}"))}";

    static string List(IEnumerable<string> items)
    {
        var list = items.ToList();
        return list.Count < 2 ? string.Concat(list) : $"{string.Join(", ", list.Take(list.Count - 1))} and {list[^1]}";
    }
}
