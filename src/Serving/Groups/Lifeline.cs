using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;

namespace OnnxMoe.Serving.Groups;

/// <summary>
/// A connection from each rank to rank 0 on which nothing is said. When a process dies, its operating system closes its end, so that the others learn of it at
/// once; MPI tells them nothing, it only kills them a little later.
/// </summary>
internal sealed class Lifeline : IDisposable
{
    private const int TokenSize = 16;
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(10);

    private readonly List<Socket> _sockets = [];
    private readonly Action<string> _broken;
    private volatile bool _released;

    private Lifeline(Action<string> broken) => _broken = broken;

    /// <summary>Connects the ranks. All must call it at the same time.</summary>
    /// <param name="group">The group.</param>
    /// <param name="broken">Is told, in one sentence, when a rank has died.</param>
    public static Lifeline Open(ServerGroup group, Action<string> broken)
    {
        var lifeline = new Lifeline(broken);
        if (group.Rank == 0)
            lifeline.Accept(group);
        else
            lifeline.Connect(group);
        return lifeline;
    }

    /// <summary>From now on it means nothing that a connection ends.</summary>
    public void Release() => _released = true;

    public void Dispose() => _sockets.ForEach(socket => socket.Dispose());

    private void Accept(ServerGroup group)
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Any, 0));
        listener.Listen(group.Size);
        var token = RandomNumberGenerator.GetBytes(TokenSize); // others on the network may connect, but do not know it
        Give(group, JsonSerializer.SerializeToUtf8Bytes(new Meeting([.. Addresses()], ((IPEndPoint)listener.LocalEndPoint!).Port, Convert.ToHexString(token))));
        var missing = Enumerable.Range(1, group.Size - 1).ToHashSet();
        while (missing.Count > 0)
        {
            var socket = listener.Accept();
            if (Read(socket, TokenSize + sizeof(int)) is { } hello && CryptographicOperations.FixedTimeEquals(hello.AsSpan(0, TokenSize), token) && missing.Remove(BitConverter.ToInt32(hello, TokenSize)))
                Watch(socket, $"Rank {BitConverter.ToInt32(hello, TokenSize)} of the group ({((IPEndPoint)socket.RemoteEndPoint!).Address}) has died");
            else
                socket.Dispose();
        }
    }

    private void Connect(ServerGroup group)
    {
        var meeting = JsonSerializer.Deserialize<Meeting>(Take(group))!;
        Exception? last = null;
        foreach (var address in meeting.Addresses)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                using var limit = new CancellationTokenSource(ConnectLimit);
                socket.ConnectAsync(new IPEndPoint(IPAddress.Parse(address), meeting.Port), limit.Token).AsTask().GetAwaiter().GetResult();
                socket.Send([.. Convert.FromHexString(meeting.Token), .. BitConverter.GetBytes(group.Rank)]);
                Watch(socket, "Rank 0 of the group has died");
                return;
            }
            catch (Exception problem) when (problem is SocketException or OperationCanceledException)
            {
                last = problem;
                socket.Dispose();
            }
        }
        throw new InvalidOperationException($"Rank {group.Rank} cannot reach rank 0 at {string.Join(", ", meeting.Addresses)}, port {meeting.Port} (TCP).", last);
    }

    private void Watch(Socket socket, string died)
    {
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true); // a host that is gone closes nothing
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 5);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 2);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, 3);
        _sockets.Add(socket);
        new Thread(() =>
        {
            _ = Read(socket, 1);
            if (!_released)
                _broken(died);
        })
        { IsBackground = true, Name = "onnxmoe lifeline" }.Start();
    }

    /// <summary>The next bytes; null when the connection ends before.</summary>
    private static byte[]? Read(Socket socket, int count)
    {
        var bytes = new byte[count];
        try
        {
            for (var read = 0; read < count;)
            {
                var more = socket.Receive(bytes, read, count - read, SocketFlags.None);
                if (more == 0)
                    return null;
                read += more;
            }
            return bytes;
        }
        catch (Exception problem) when (problem is SocketException or ObjectDisposedException)
        {
            return null;
        }
    }

    private static IEnumerable<string> Addresses() =>
        NetworkInterface.GetAllNetworkInterfaces().SelectMany(card => card.GetIPProperties().UnicastAddresses).Select(address => address.Address)
            .Where(address => address.AddressFamily == AddressFamily.InterNetwork).OrderBy(IPAddress.IsLoopback).Select(address => address.ToString()).Distinct();

    private static void Give(ServerGroup group, byte[] bytes)
    {
        group.Broadcast(BitConverter.GetBytes(bytes.Length));
        group.Broadcast(bytes);
    }

    private static byte[] Take(ServerGroup group)
    {
        var length = new byte[sizeof(int)];
        group.Broadcast(length);
        var bytes = new byte[BitConverter.ToInt32(length)];
        group.Broadcast(bytes);
        return bytes;
    }

    /// <summary>Where the ranks meet.</summary>
    private sealed record Meeting(string[] Addresses, int Port, string Token);
}
