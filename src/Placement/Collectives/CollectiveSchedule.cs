namespace OnnxMoe.Placement.Collectives;

/// <summary>
/// A collective message by message: steps, in each of which every message carries chunks that its sender has from earlier steps. Ranks
/// are 0 .. p - 1; consecutive ones share a node, or hold slices of the same tensor.
/// </summary>
/// <param name="Ranks">How many ranks there are.</param>
/// <param name="Steps">The messages of each step.</param>
public sealed record CollectiveSchedule(int Ranks, IReadOnlyList<IReadOnlyList<Message>> Steps)
{
    /// <summary>Whether chunks of equal name are added up where they meet.</summary>
    public bool Adds { get; init; }

    /// <summary>All messages.</summary>
    public int Messages => Steps.Sum(step => step.Count);

    /// <summary>Ring all-gather: chunk (r, -1) of each rank to all.</summary>
    public static CollectiveSchedule RingAllGather(int ranks) => new(ranks, [.. RingSteps([.. Enumerable.Range(0, ranks)], member => [new Chunk(member, -1)])]);

    /// <summary>All-gather over nodes for each place, then within nodes.</summary>
    /// <param name="ranks">p.</param>
    /// <param name="perNode">G, a divisor of p.</param>
    public static CollectiveSchedule TwoLevelAllGather(int ranks, int perNode)
    {
        var nodes = ranks / perNode;
        var outer = Together(Enumerable.Range(0, perNode).Select(place => RingSteps([.. Enumerable.Range(0, nodes).Select(n => n * perNode + place)], member => [new Chunk(member, -1)])));
        var inner = Together(Enumerable.Range(0, nodes).Select(node => RingSteps([.. Enumerable.Range(node * perNode, perNode)],
            member => [.. Enumerable.Range(0, nodes).Select(n => new Chunk(n * perNode + member % perNode, -1))])));
        return new(ranks, [.. outer, .. inner]);
    }

    /// <summary>Ring reduce-scatter: rank t ends with the sum (-1, t) of all ranks' parts.</summary>
    public static CollectiveSchedule RingReduceScatter(int ranks) => new(ranks,
        [.. Enumerable.Range(0, ranks - 1).Select(step => (IReadOnlyList<Message>)[.. Enumerable.Range(0, ranks).Select(r => new Message(r, (r + 1) % ranks, [new Chunk(-1, (r - 1 - step + 2 * ranks) % ranks)]))])])
    {
        Adds = true,
    };

    /// <summary>Flat all-to-all: everything in one step.</summary>
    public static CollectiveSchedule AllToAll(int ranks) => new(ranks, [[.. Exchange([.. Enumerable.Range(0, ranks)], (from, to) => [new Chunk(from, to)])]]);

    /// <summary>Within nodes to the receiver's place, then between ranks of equal place.</summary>
    /// <param name="ranks">p.</param>
    /// <param name="perNode">G, a divisor of p.</param>
    public static CollectiveSchedule HierarchicalAllToAll(int ranks, int perNode)
    {
        var nodes = ranks / perNode;
        var inner = Enumerable.Range(0, nodes).SelectMany(node => Exchange([.. Enumerable.Range(node * perNode, perNode)],
            (from, to) => [.. Enumerable.Range(0, nodes).Select(n => new Chunk(from, n * perNode + to % perNode))]));
        var outer = Enumerable.Range(0, perNode).SelectMany(place => Exchange([.. Enumerable.Range(0, nodes).Select(n => n * perNode + place)],
            (from, to) => [.. Enumerable.Range(from / perNode * perNode, perNode).Select(member => new Chunk(member, to))]));
        return new(ranks, [[.. inner], [.. outer]]);
    }

    /// <summary>
    /// Of data that <paramref name="slices"/> consecutive ranks hold alike: chunk (g, t) of slicing group g goes from its member of t's slicing rank to t. With
    /// <paramref name="back"/> the other way: chunk (s, g) from rank s to slicing group g, and then to all its members.
    /// </summary>
    public static CollectiveSchedule CoordinatedAllToAll(int ranks, int slices, bool back)
    {
        var groups = ranks / slices;
        var exchange = Enumerable.Range(0, slices).SelectMany(slice => Exchange([.. Enumerable.Range(0, groups).Select(g => g * slices + slice)],
            (from, to) => [back ? new Chunk(from, to / slices) : new Chunk(from / slices, to)])).ToList();
        if (!back)
            return new(ranks, [exchange]);
        var gather = Together(Enumerable.Range(0, groups).Select(g => RingSteps([.. Enumerable.Range(g * slices, slices)],
            member => [.. Enumerable.Range(0, groups).Select(peer => new Chunk(peer * slices + member % slices, g))])));
        return new(ranks, [exchange, .. gather]);
    }

    /// <summary>Moves the chunks.</summary>
    /// <param name="held">What each rank has at the beginning, with a value.</param>
    /// <returns>What each has at the end.</returns>
    /// <exception cref="InvalidOperationException">A rank is to send what it does not have.</exception>
    public IReadOnlyList<IReadOnlyDictionary<Chunk, double>> Run(IReadOnlyList<IReadOnlyDictionary<Chunk, double>> held)
    {
        var state = held.Select(chunks => new Dictionary<Chunk, double>(chunks)).ToArray();
        foreach (var step in Steps)
        {
            // All messages of a step leave before any of them arrives.
            var sent = step.Select(message => (message.To, Chunks: message.Chunks.Select(chunk => state[message.From].TryGetValue(chunk, out var value) ? (chunk, value)
                : throw new InvalidOperationException($"Rank {message.From} has no {chunk} to send to rank {message.To}.")).ToArray())).ToArray();
            foreach (var (to, chunks) in sent)
            {
                foreach (var (chunk, value) in chunks)
                    state[to][chunk] = Adds ? state[to].GetValueOrDefault(chunk) + value : value;
            }
        }
        return state;
    }

    /// <summary>Time and traffic, message by message.</summary>
    /// <param name="chunkBytes">Bytes of a chunk.</param>
    /// <param name="perNode">GPUs of a node.</param>
    /// <param name="cost">The links.</param>
    public CollectiveEstimate Estimate(double chunkBytes, int perNode, CollectiveCost cost)
    {
        var total = CollectiveEstimate.None;
        foreach (var step in Steps)
        {
            var ports = new double[Ranks, 4]; // out and in, within the node and to the network
            foreach (var message in step)
            {
                var sameNode = message.From / perNode == message.To / perNode;
                var send = cost.Send(sameNode, message.Chunks.Count * chunkBytes);
                ports[message.From, sameNode ? 0 : 2] += send.Seconds;
                ports[message.To, sameNode ? 1 : 3] += send.Seconds;
                total += send with { Seconds = 0 };
            }
            total += new CollectiveEstimate(ports.Cast<double>().DefaultIfEmpty().Max(), 0, 0, 0);
        }
        return total;
    }

    /// <summary>The most messages that any rank sends: the length of its chain of latencies.</summary>
    public int LongestChain => Steps.Sum(step => step.CountBy(message => message.From).Select(rank => rank.Value).DefaultIfEmpty().Max());

    static IEnumerable<Message> Exchange(int[] members, Func<int, int, Chunk[]> chunks) =>
        from a in members from b in members where a != b select new Message(a, b, chunks(a, b));

    /// <summary>In step s, member i hands on what member i - s had.</summary>
    static IEnumerable<IReadOnlyList<Message>> RingSteps(int[] members, Func<int, Chunk[]> own)
    {
        var n = members.Length;
        for (var step = 0; step < n - 1; step++)
            yield return [.. Enumerable.Range(0, n).Select(i => new Message(members[i], members[(i + 1) % n], own(members[(i - step + n) % n])))];
    }

    static IEnumerable<IReadOnlyList<Message>> Together(IEnumerable<IEnumerable<IReadOnlyList<Message>>> schedules)
    {
        var all = schedules.Select(schedule => schedule.ToArray()).ToArray();
        return Enumerable.Range(0, all.Max(steps => steps.Length)).Select(step => (IReadOnlyList<Message>)[.. all.SelectMany(steps => steps[step])]);
    }
}
