using System.Runtime.InteropServices;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Serving.Tests.Groups;

/// <summary>A rank of a group, as the command <c>serve MODEL --group mpi</c> runs it: <c>mpirun dotnet exec OnnxMoe.Serving.Tests.dll FOLDER DEVICES TRACE PORT TIMEOUT</c>.</summary>
internal static class GroupProgram
{
    private static async Task<int> Main(string[] args)
    {
        Console.WriteLine($"Process {Environment.ProcessId} is rank {Environment.GetEnvironmentVariable("OMPI_COMM_WORLD_RANK")}");
        using var stop = new CancellationTokenSource();
        using var term = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            context.Cancel = true;
            stop.Cancel();
        });
        try
        {
            await ServeRun.ExecuteAsync(args[0], new ServeOptions
            {
                Group = "mpi",
                Devices = int.Parse(args[1]),
                Trace = args[2],
                Port = int.Parse(args[3]),
                DeviceTimeout = int.Parse(args[4]),
                Threads = 1,
                DrainSeconds = 120,
                Log = "off",
            }, stop.Token);
            return 0;
        }
        catch (UserError mistake)
        {
            Console.Error.WriteLine(mistake.Message);
            return 2;
        }
        catch (IOException failure)
        {
            Console.Error.WriteLine(failure.Message);
            return 1;
        }
    }
}
