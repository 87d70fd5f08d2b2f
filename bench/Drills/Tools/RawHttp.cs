using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace OnnxMoe.Drills.Tools;

/// <summary>HTTP by hand, for requests that no client library would send.</summary>
internal static class RawHttp
{
    /// <summary>The head of a POST.</summary>
    public static string Head(string path, long length, string method = "POST") => string.Create(CultureInfo.InvariantCulture,
        $"{method} {path} HTTP/1.1\r\nHost: drill\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");

    /// <summary>Sends a request whole.</summary>
    /// <returns>The status of the answer; 0 when the server closed the connection without one.</returns>
    public static int Send(RunningServer server, string path, ReadOnlySpan<byte> body, string method = "POST")
    {
        using var socket = server.Connect();
        try
        {
            socket.Send(Encoding.ASCII.GetBytes(Head(path, body.Length, method)));
            for (var sent = 0; sent < body.Length;)
                sent += socket.Send(body[sent..Math.Min(body.Length, sent + (1 << 16))]);
        }
        catch (SocketException)
        {
            // It may answer and close before it has read all.
        }
        return StatusOf(ReadAll(socket));
    }

    /// <summary>What comes until the other side closes.</summary>
    public static string ReadAll(Socket socket)
    {
        var (text, buffer) = (new StringBuilder(), new byte[1 << 14]);
        try
        {
            for (int count; (count = socket.Receive(buffer)) > 0;)
                text.Append(Encoding.UTF8.GetString(buffer, 0, count));
        }
        catch (SocketException)
        {
            // Reset: what came before counts.
        }
        return text.ToString();
    }

    private static int StatusOf(string answer) => answer.StartsWith("HTTP/1.1 ", StringComparison.Ordinal) ? int.Parse(answer.AsSpan("HTTP/1.1 ".Length, 3), CultureInfo.InvariantCulture) : 0;
}
