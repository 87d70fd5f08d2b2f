using System.Diagnostics;
using System.Text.RegularExpressions;

namespace OnnxMoe.EndToEnd.Tests.Support;

/// <summary>A running <c>onnxmoe serve</c> on a free port.</summary>
public sealed partial class Server : IDisposable
{
    readonly Process _process;

    public Server(params string[] args)
    {
        _process = Command.Start(["serve", .. args, "--port", "0"]);
        _ = _process.StandardError.ReadToEndAsync();
        while (_process.StandardOutput.ReadLine() is { } line)
        {
            if (ListeningAt().Match(line) is { Success: true } match)
            {
                Client = new HttpClient { BaseAddress = new Uri(match.Value) };
                _ = _process.StandardOutput.ReadToEndAsync();
                return;
            }
        }
        throw new InvalidOperationException("onnxmoe serve ended before it listened.");
    }

    public HttpClient Client { get; }

    /// <summary>Sends SIGTERM and returns the exit code.</summary>
    public int Terminate()
    {
        if (!_process.HasExited)
            Process.Start("kill", ["-TERM", $"{_process.Id}"]).WaitForExit();
        _process.WaitForExit();
        return _process.ExitCode;
    }

    public void Dispose()
    {
        Client.Dispose();
        Terminate();
        _process.Dispose();
    }

    [GeneratedRegex("http://127.0.0.1:[0-9]+")]
    private static partial Regex ListeningAt();
}
