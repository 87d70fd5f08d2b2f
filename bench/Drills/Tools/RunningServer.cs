using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;

namespace OnnxMoe.Drills.Tools;

/// <summary>An <c>onnxmoe serve</c> of its own process on a free port of 127.0.0.1.</summary>
internal sealed partial class RunningServer : IAsyncDisposable
{
    private readonly Process _process;
    private readonly OutputTail _error;
    private Task _output = Task.CompletedTask;

    private RunningServer(Process process)
    {
        _process = process;
        AppDomain.CurrentDomain.ProcessExit += KillQuietly; // drills that are stopped leave nothing behind
        _error = new(process.StandardError);
    }

    /// <summary>A client that waits long and connects as often as it likes.</summary>
    public HttpClient Client { get; private set; } = null!;

    public IPEndPoint Address { get; private set; } = null!;

    public bool HasExited => _process.HasExited;

    /// <summary>Memory that the process has in RAM, MiB.</summary>
    public double ResidentMiB => Status("VmRSS") / 1024.0;

    /// <summary>Open files and sockets.</summary>
    public int Files => Directory.GetFileSystemEntries($"/proc/{_process.Id}/fd").Length;

    public int Threads => (int)Status("Threads");

    /// <summary>Starts a server and waits until it listens.</summary>
    /// <exception cref="DrillFailedException">It ended before.</exception>
    public static RunningServer Start(string command, string model, Dictionary<string, string> environment, MemoryGroup? group, params string[] settings)
    {
        var server = Begin(command, model, environment, group, settings);
        while (server._process.StandardOutput.ReadLine() is { } line)
        {
            if (ListeningAt().Match(line) is not { Success: true } match)
                continue;
            server._output = server._process.StandardOutput.BaseStream.CopyToAsync(Stream.Null); // a line a request, which nobody needs
            server.Address = IPEndPoint.Parse(match.Groups[2].Value);
            var handler = new SocketsHttpHandler { MaxConnectionsPerServer = int.MaxValue };
            handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true; // drills sign their own
            server.Client = new HttpClient(handler) { BaseAddress = new($"{match.Groups[1].Value}://{server.Address}"), Timeout = TimeSpan.FromMinutes(10) };
            return server;
        }
        var (code, error) = server.Ended();
        throw new DrillFailedException($"The server ended with code {code} before it listened: {error}");
    }

    /// <summary>Starts a server that should refuse.</summary>
    /// <returns>Its exit code and what it wrote to standard error.</returns>
    public static (int Code, string Error) Refused(string command, string model)
    {
        var server = Begin(command, model, [], null, []);
        _ = server._process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
        return server.Ended();
    }

    /// <summary>A plain TCP connection to it.</summary>
    public Socket Connect()
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 60_000, SendTimeout = 60_000 };
        socket.Connect(Address);
        return socket;
    }

    /// <summary>The sum of a metric's lines.</summary>
    public async Task<double> MetricAsync(string name) => (await Client.GetStringAsync("/metrics")).Split('\n')
        .Where(line => line.StartsWith(name + "{", StringComparison.Ordinal) || line.StartsWith(name + " ", StringComparison.Ordinal)).Sum(line => double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture));

    /// <summary>Waits until nothing runs and nothing waits.</summary>
    public async Task IdleAsync()
    {
        for (var i = 0; await MetricAsync("onnxmoe_num_requests_running") + await MetricAsync("onnxmoe_num_requests_waiting") > 0; i++)
        {
            DrillFailedException.Unless(i < 600, "Sequences still run a minute after the last client left.");
            await Task.Delay(100);
        }
    }

    /// <summary>Sends a signal to this process alone.</summary>
    public void Signal(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", $"{_process.Id}"]);
        kill.WaitForExit();
    }

    /// <summary>Waits for its end.</summary>
    /// <returns>Its exit code and what it wrote to standard error.</returns>
    public (int Code, string Error) Ended()
    {
        if (!_process.WaitForExit(TimeSpan.FromMinutes(3)))
        {
            _process.Kill();
            _process.WaitForExit();
            throw new DrillFailedException("The server did not end within three minutes.");
        }
        return (_process.ExitCode, _error.Text);
    }

    public async ValueTask DisposeAsync()
    {
        AppDomain.CurrentDomain.ProcessExit -= KillQuietly;
        if (!_process.HasExited)
            _process.Kill();
        await _process.WaitForExitAsync();
        await Task.WhenAll(_error.Ended, _output);
        Client?.Dispose();
        _process.Dispose();
    }

    private static RunningServer Begin(string command, string model, Dictionary<string, string> environment, MemoryGroup? group, string[] settings)
    {
        string[] serve = [command, "serve", Path.GetFileName(model), "--models", Path.GetDirectoryName(model)!, "--port", "0", .. settings];
        string[] words = group is null ? serve : ["sh", "-c", "echo $$ > \"$0/cgroup.procs\" && exec \"$@\"", group.Folder, .. serve];
        var start = new ProcessStartInfo(words[0], words[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return new RunningServer(Process.Start(start)!);
    }

    private void KillQuietly(object? sender, EventArgs e)
    {
        if (!_process.HasExited)
            _process.Kill();
    }

    private long Status(string field)
    {
        var line = File.ReadLines($"/proc/{_process.Id}/status").First(line => line.StartsWith(field + ":", StringComparison.Ordinal));
        return long.Parse(line.Split([':', '\t', ' '], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
    }

    [GeneratedRegex("(https?)://(127.0.0.1:[0-9]+)")]
    private static partial Regex ListeningAt();
}
