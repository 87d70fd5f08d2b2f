using System.Globalization;
using OnnxMoe.Bench.Serving;

// Usage: OnnxMoe.Bench.Serving [seconds]
TracingBench.Run(args.Length > 0 ? double.Parse(args[0], CultureInfo.InvariantCulture) : 60);
