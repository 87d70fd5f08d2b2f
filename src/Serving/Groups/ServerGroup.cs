using System.Runtime.InteropServices;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Serving.Groups;

/// <summary>
/// The processes of an MPI job, which serve one model together: rank 0 answers requests and computes all but the routed experts, and each rank holds the
/// experts of its device in the plan. MPI knows one job a process, so there is one group at most.
/// </summary>
public sealed unsafe class ServerGroup : IDisposable
{
    private readonly int* _stop;
    private readonly Lifeline _lifeline;

    private ServerGroup(int rank, int size)
    {
        (Rank, Size, Nothing) = (rank, size, [.. Enumerable.Repeat<byte[]>([], size)]);
        _stop = (int*)NativeMemory.AllocZeroed(sizeof(int));
        _lifeline = Lifeline.Open(this, Break);
    }

    /// <summary>The group that this process is in; null when it serves alone.</summary>
    public static ServerGroup? Current { get; private set; }

    /// <summary>Number of this process.</summary>
    public int Rank { get; }

    /// <summary>How many there are.</summary>
    public int Size { get; }

    /// <summary>Why the group cannot go on; null while it can.</summary>
    public string? Problem { get; private set; }

    /// <summary>Whether all ranks have loaded their part, so that they follow rank 0.</summary>
    public bool Started { get; internal set; }

    /// <summary>How long rank 0 waits for the others during a step: a rank that takes longer ends the group.</summary>
    public TimeSpan Limit { get; set; } = Timeout.InfiniteTimeSpan;

    /// <summary>An empty message for each rank.</summary>
    public byte[][] Nothing { get; }

    /// <summary>Tells that <see cref="Problem"/> is set.</summary>
    public event Action? Broken;

    /// <summary>Joins the job that this process was started in by <c>mpirun</c>.</summary>
    /// <exception cref="UserError">There is no MPI, or no job.</exception>
    public static ServerGroup Join()
    {
        var (rank, size) = MpiLibrary.Join();
        if (size < 2)
            throw new UserError("Serve:Group is mpi, but this process is alone in its MPI job; start the group with mpirun, for example: mpirun -np 4 onnxmoe serve demo --group mpi");
        return Current = new ServerGroup(rank, size);
    }

    /// <summary>Rank 0 gives a copy of its bytes to all others.</summary>
    public void Broadcast(Span<byte> data) => MpiLibrary.Broadcast(data, _stop);

    /// <summary>Each rank gives each other one rows of so many numbers; see <see cref="MpiLibrary.Exchange"/>.</summary>
    public T[] Exchange<T>(T[] rows, int[] counts, int width, int[] received) where T : unmanaged => Limited(() => MpiLibrary.Exchange(rows, counts, width, received, _stop));

    /// <summary>Each rank gives each other one so many numbers; see <see cref="MpiLibrary.ExchangeCounts"/>.</summary>
    public int[] ExchangeCounts(int[] counts, int each = 1) => Limited(() => MpiLibrary.ExchangeCounts(counts, each, _stop));

    /// <summary>Each rank gives each other one a message.</summary>
    /// <param name="messages">One for each rank.</param>
    /// <returns>One from each rank.</returns>
    public byte[][] ExchangeMessages(IReadOnlyList<byte[]> messages)
    {
        int[] lengths = [.. messages.Select(message => message.Length)];
        var received = ExchangeCounts(lengths);
        var joined = new byte[lengths.Sum()];
        var rest = joined.AsSpan();
        foreach (var message in messages)
        {
            message.CopyTo(rest);
            rest = rest[message.Length..];
        }
        var all = Exchange(joined, lengths, 1, received);
        var offset = 0;
        return Array.ConvertAll(received, length => all[offset..(offset += length)]);
    }

    /// <summary>Tells each rank what every rank says, in their order.</summary>
    public byte[][] Gather(byte[] mine) => ExchangeMessages([.. Enumerable.Repeat(mine, Size)]);

    /// <summary>The group cannot go on: who waits for the others gives up.</summary>
    /// <param name="problem">Why, in one sentence without its full stop.</param>
    public void Break(string problem)
    {
        Problem ??= problem;
        Volatile.Write(ref *_stop, 1);
        Broken?.Invoke();
    }

    /// <summary>Waits for the others, but rank 0 not for ever: a process that is there and does nothing would hold up all of them.</summary>
    private T Limited<T>(Func<T> wait)
    {
        if (Rank > 0 || !Started)
            return wait();
        using var watch = new Timer(_ => Break(FormattableString.Invariant($"A rank of the group has not answered within {Limit.TotalSeconds} seconds (Serve:DeviceTimeout)")), null, Limit, Timeout.InfiniteTimeSpan);
        return wait();
    }

    /// <summary>How tokens move, for people.</summary>
    /// <param name="homes">How many ranks have sequences.</param>
    public string Describe(int homes)
    {
        var (mpi, isCudaAware) = MpiLibrary.Describe();
        return $"{(homes > 1 ? $"Each of the {homes} ranks is home to a share of the sequences" : "Rank 0 is home to all sequences")}. "
            + $"{mpi} is {(isCudaAware ? "CUDA-aware, which is not used" : "not CUDA-aware")}: tokens pass through the memory of the hosts.";
    }

    /// <summary>Leaves the job; returns when all others do. Who ends without it ends the others too: <c>mpirun</c> sees to that.</summary>
    public void Leave()
    {
        _lifeline.Release();
        MpiLibrary.Leave();
    }

    public void Dispose()
    {
        _lifeline.Release();
        _lifeline.Dispose();
        Current = null;
    }
}
