using System.Globalization;
using System.Runtime.InteropServices;
using OnnxMoe.Drills;
using OnnxMoe.Drills.Cases;
using OnnxMoe.Drills.Tools;

// Usage: OnnxMoe.Drills COMMAND MODEL-FOLDER [DRILL...] [--minutes N]
// Each drill starts 'COMMAND serve' on a free port of 127.0.0.1, treats it badly, and stops it. Exit code 1 when one fails.
if (args.Length < 2)
{
    Console.Error.WriteLine("Give the onnxmoe command and a model folder, then names of drills (none: all but soak).");
    return 2;
}
// Since .NET 10 a signal ends a program without the event on which servers are stopped.
PosixSignal[] signals = [PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP];
var stops = Array.ConvertAll(signals, signal => PosixSignalRegistration.Create(signal, _ => Environment.Exit(1)));
var minutes = 20.0;
var names = new List<string>();
for (var i = 2; i < args.Length; i++)
{
    if (args[i] == "--minutes" && i + 1 < args.Length)
        minutes = double.Parse(args[++i], CultureInfo.InvariantCulture);
    else
        names.Add(args[i]);
}
IDrill[] all =
[
    new Connections(), new SlowReaders(), new HalfOpenSockets(), new LargeBodies(), new InvalidUtf8(), new RandomBytes(), new Cancellations(), new Terminated(), new Killed(),
    new MemoryLimit(), new ContainerLimit(), new Encrypted(), new FailingDevices(), new DamagedFiles(), new ChangedFiles(), new Soak(TimeSpan.FromMinutes(minutes)),
];
if (names.FirstOrDefault(name => all.All(drill => drill.Name != name)) is { } unknown)
{
    Console.Error.WriteLine($"There is no drill '{unknown}'; there are {string.Join(", ", all.Select(drill => drill.Name))}.");
    return 2;
}
var setting = new Setting(args[0], Path.GetFullPath(args[1]));
var failed = 0;
Console.WriteLine("| drill | result | what happened | seconds |\n|---|---|---|---|");
foreach (var drill in all.Where(drill => names.Count == 0 ? drill is not Soak : names.Contains(drill.Name)))
{
    var began = DateTime.UtcNow;
    string result, facts;
    try
    {
        (result, facts) = ("passed", await drill.RunAsync(setting));
    }
    catch (DrillSkippedException problem)
    {
        (result, facts) = ("skipped", problem.Message);
    }
    catch (DrillFailedException problem)
    {
        (result, facts, failed) = ("FAILED", problem.Message, failed + 1);
    }
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {drill.Name} | {result} | {facts} | {(DateTime.UtcNow - began).TotalSeconds:F0} |"));
}
Array.ForEach(stops, stop => stop.Dispose());
return failed == 0 ? 0 : 1;
