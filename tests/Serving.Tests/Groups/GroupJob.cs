using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace OnnxMoe.Serving.Tests.Groups;

/// <summary>A job of mpirun on this machine.</summary>
internal sealed partial class GroupJob : IDisposable
{
    /// <summary>Longer than anything takes here; only a hang gets there.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(150);

    private readonly Process _mpirun;
    private readonly StringBuilder _output = new();

    /// <param name="ranks">How many processes.</param>
    /// <param name="folder">The model.</param>
    /// <param name="devices">Serve:Devices.</param>
    /// <param name="trace">Serve:Trace.</param>
    /// <param name="port">Serve:Port.</param>
    /// <param name="last">The model folder of the last rank; null for the one that all have.</param>
    /// <param name="timeout">Serve:DeviceTimeout.</param>
    public GroupJob(int ranks, string folder, int devices = 1, string trace = "off", int port = 0, string? last = null, int timeout = 0)
    {
        string[] Ranks(int count, string model) => ["-np", $"{count}", Environment.ProcessPath!, "exec", typeof(GroupJob).Assembly.Location, model, $"{devices}", trace, $"{port}", $"{timeout}"];
        var start = new ProcessStartInfo("mpirun", ["--allow-run-as-root", "--oversubscribe", .. last is null ? Ranks(ranks, folder) : [.. Ranks(ranks - 1, folder), ":", .. Ranks(1, last)]])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["OMP_NUM_THREADS"] = "1";
        start.Environment["OMPI_MCA_btl_vader_single_copy_mechanism"] = "none"; // containers forbid it
        start.Environment["OMPI_MCA_odls_base_sigkill_timeout"] = "3"; // time to end by oneself on a busy machine
        _mpirun = Process.Start(start)!;
        foreach (var reader in new[] { _mpirun.StandardOutput, _mpirun.StandardError })
            _ = Task.Run(async () =>
            {
                while (await reader.ReadLineAsync() is { } line)
                    lock (_output)
                        _output.AppendLine(line);
            });
    }

    /// <summary>What all ranks and mpirun have written.</summary>
    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    /// <summary>Waits until rank 0 listens.</summary>
    public async Task<HttpClient> ClientAsync() => new() { BaseAddress = new Uri((await FindAsync(Listening())).Groups[1].Value) };

    /// <summary>The process of a rank.</summary>
    public async Task<Process> ProcessOfAsync(int rank) => Process.GetProcessById(int.Parse(
        (await FindAsync(new Regex($@"Process (\d+) is rank {rank}\b"))).Groups[1].Value, CultureInfo.InvariantCulture));

    /// <summary>Sends mpirun a signal.</summary>
    public void Signal(string name) => Process.Start("kill", [$"-{name}", $"{_mpirun.Id}"]).WaitForExit();

    /// <summary>Waits for the end of the job.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> EndAsync()
    {
        await _mpirun.WaitForExitAsync().WaitAsync(Limit);
        return _mpirun.ExitCode;
    }

    public void Dispose()
    {
        if (!_mpirun.HasExited)
            _mpirun.Kill(entireProcessTree: true);
        _mpirun.Dispose();
    }

    private async Task<Match> FindAsync(Regex pattern)
    {
        for (var began = Stopwatch.StartNew(); began.Elapsed < Limit; await Task.Delay(50))
        {
            if (pattern.Match(Output) is { Success: true } found)
                return found;
            if (_mpirun.HasExited)
                break;
        }
        throw new InvalidOperationException($"'{pattern}' did not come:\n{Output}");
    }

    [GeneratedRegex(@"Serving \S+ at (http://\S+) ")]
    private static partial Regex Listening();
}
