using System.Runtime.InteropServices;
using System.Text;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Serving.Groups;

/// <summary>The functions of <c>native/mpi</c>.</summary>
internal static unsafe partial class MpiLibrary
{
    private const string Name = "onnxmoe_mpi";
    private const int Stopped = -1;

    /// <summary>Joins the MPI job that this process was started in.</summary>
    /// <exception cref="UserError">The library is not there.</exception>
    public static (int Rank, int Size) Join()
    {
        try
        {
            Check(Join(out var rank, out var size));
            return (rank, size);
        }
        catch (DllNotFoundException problem)
        {
            throw new UserError("Serve:Group is mpi, but this program was built without MPI, or there is none here: install Open MPI (apt-get install openmpi-bin libopenmpi-dev) and build again (make build).", problem);
        }
    }

    /// <summary>Which MPI it is, and whether it takes memory of GPUs.</summary>
    public static (string Version, bool IsCudaAware) Describe()
    {
        Span<byte> text = stackalloc byte[512];
        fixed (byte* bytes = text)
            Version(bytes, text.Length);
        return (TextIn(text), CudaAware() != 0);
    }

    /// <summary>Leaves the job.</summary>
    public static void Leave() => Check(LeaveJob());

    /// <summary>Rank 0 gives a copy of its bytes to all others.</summary>
    /// <param name="data">As many bytes on every rank.</param>
    /// <param name="stop">Not 0 gives the wait up.</param>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public static void Broadcast(Span<byte> data, int* stop)
    {
        fixed (byte* bytes = data)
            Check(Broadcast(bytes, data.Length, stop));
    }

    /// <summary>Each rank gives each other one rows.</summary>
    /// <param name="rows">All that this one gives, in the order of the ranks.</param>
    /// <param name="counts">How many rows each rank is given.</param>
    /// <param name="width">Numbers of a row.</param>
    /// <param name="received">How many rows each rank gave.</param>
    /// <param name="stop">Not 0 gives the wait up.</param>
    /// <returns>What was given to this one, in the order of the ranks.</returns>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public static T[] Exchange<T>(T[] rows, int[] counts, int width, int[] received, int* stop) where T : unmanaged
    {
        var result = new T[received.Sum() * width];
        fixed (T* send = rows, receive = result)
        fixed (int* sendCounts = counts, receiveCounts = received)
            Check(ExchangeRows(send, sendCounts, receive, receiveCounts, width * sizeof(T), stop));
        return result;
    }

    /// <summary>Each rank gives each other one so many numbers.</summary>
    /// <param name="counts">All that this one gives, in the order of the ranks.</param>
    /// <param name="each">How many numbers each rank is given.</param>
    /// <param name="stop">Not 0 gives the wait up.</param>
    /// <returns>What each rank gave.</returns>
    /// <exception cref="OperationCanceledException">It was given up.</exception>
    public static int[] ExchangeCounts(int[] counts, int each, int* stop)
    {
        var received = new int[counts.Length];
        fixed (int* send = counts, receive = received)
            Check(ExchangeCounts(send, receive, each, stop));
        return received;
    }

    private static void Check(int error)
    {
        if (error == 0)
            return;
        if (error == Stopped)
            throw new OperationCanceledException("The wait for the other ranks was given up.");
        Span<byte> text = stackalloc byte[512];
        fixed (byte* bytes = text)
            Describe(error, bytes, text.Length);
        throw new InvalidOperationException($"MPI failed: {TextIn(text)}");
    }

    private static string TextIn(ReadOnlySpan<byte> text) => Encoding.UTF8.GetString(text[..text.IndexOf((byte)0)]);

    [LibraryImport(Name, EntryPoint = "onnxmoe_mpi_join")]
    private static partial int Join(out int rank, out int size);

    [LibraryImport(Name, EntryPoint = "onnxmoe_mpi_leave")]
    private static partial int LeaveJob();

    [LibraryImport(Name, EntryPoint = "onnxmoe_mpi_broadcast")]
    private static partial int Broadcast(byte* data, int bytes, int* stop);

    [LibraryImport(Name, EntryPoint = "onnxmoe_mpi_exchange_counts")]
    private static partial int ExchangeCounts(int* send, int* receive, int each, int* stop);

    [LibraryImport(Name, EntryPoint = "onnxmoe_mpi_exchange_rows")]
    private static partial int ExchangeRows(void* send, int* sendCounts, void* receive, int* receiveCounts, int rowBytes, int* stop);

    [LibraryImport(Name, EntryPoint = "onnxmoe_mpi_cuda_aware")]
    private static partial int CudaAware();

    [LibraryImport(Name, EntryPoint = "onnxmoe_mpi_version")]
    private static partial void Version(byte* text, int size);

    [LibraryImport(Name, EntryPoint = "onnxmoe_mpi_describe")]
    private static partial void Describe(int error, byte* text, int size);
}
