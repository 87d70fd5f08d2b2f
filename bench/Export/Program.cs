using System.Globalization;
using OnnxMoe.Bench.Export;

// Usage: OnnxMoe.Bench.Export targets|routers [seconds for each measurement]
var seconds = args.Length > 1 ? double.Parse(args[1], CultureInfo.InvariantCulture) : 5;
if (args is ["routers", ..])
    RouterBench.Run(seconds);
else
    TargetBench.Run(seconds);
