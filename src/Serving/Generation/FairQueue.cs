namespace OnnxMoe.Serving.Generation;

/// <summary>
/// Sequences that wait for a slot. Clients take turns, and each client's sequences come in the order in which they arrived, so that a client with many
/// does not keep the others waiting. Those that had to give their slot up come before all others. Not safe for several threads.
/// </summary>
internal sealed class FairQueue
{
    private readonly Stack<Sequence> _returned = [];
    private readonly LinkedList<(string Client, LinkedList<Sequence> Sequences)> _clients = []; // the first has its turn
    private readonly Dictionary<string, LinkedList<Sequence>> _byClient = [];

    /// <summary>Sequences that wait.</summary>
    public int Count { get; private set; }

    /// <summary>All of them, in no particular order.</summary>
    public IEnumerable<Sequence> All => _returned.Concat(_clients.SelectMany(client => client.Sequences));

    /// <summary>The one whose turn it is; null when none waits.</summary>
    public Sequence? First => _returned.TryPeek(out var returned) ? returned : _clients.First?.Value.Sequences.First!.Value;

    /// <summary>Adds a sequence behind those of its client.</summary>
    public void Add(Sequence sequence)
    {
        var client = sequence.Request.Client;
        if (!_byClient.TryGetValue(client, out var sequences))
        {
            _byClient[client] = sequences = [];
            _clients.AddLast((client, sequences));
        }
        sequences.AddLast(sequence);
        Count++;
    }

    /// <summary>Puts back one that had a slot.</summary>
    public void Return(Sequence sequence)
    {
        _returned.Push(sequence);
        Count++;
    }

    /// <summary>Takes <see cref="First"/>; then it is another client's turn.</summary>
    public void TakeFirst()
    {
        Count--;
        if (_returned.TryPop(out _))
            return;
        var turn = _clients.First!;
        turn.Value.Sequences.RemoveFirst();
        _clients.RemoveFirst();
        if (turn.Value.Sequences.Count > 0)
            _clients.AddLast(turn);
        else
            _byClient.Remove(turn.Value.Client);
    }

    /// <summary>Takes a sequence out, wherever it is; false when it does not wait.</summary>
    public bool Remove(Sequence sequence)
    {
        if (_returned.Contains(sequence))
        {
            var rest = _returned.Where(other => other != sequence).Reverse().ToArray();
            _returned.Clear();
            Array.ForEach(rest, _returned.Push);
        }
        else if (!_byClient.TryGetValue(sequence.Request.Client, out var sequences) || !sequences.Remove(sequence))
        {
            return false;
        }
        else if (sequences.Count == 0)
        {
            _byClient.Remove(sequence.Request.Client);
            _clients.Remove((sequence.Request.Client, sequences));
        }
        Count--;
        return true;
    }

    /// <summary>Takes all out.</summary>
    public void Clear()
    {
        _returned.Clear();
        _clients.Clear();
        _byClient.Clear();
        Count = 0;
    }
}
