using System.Globalization;
using OnnxMoe.Bench.Serving;
using OnnxMoe.Exporter;

// Usage: OnnxMoe.Bench.Serving tracing [seconds]
//        OnnxMoe.Bench.Serving speed [precisions, comma-separated] [D L H HKV F E K V] [prompt] [answer] [runs]
int Number(int place, int otherwise) => args.Length > place ? int.Parse(args[place], CultureInfo.InvariantCulture) : otherwise;
switch (args.FirstOrDefault())
{
    case "tracing":
        TracingBench.Run(Number(1, 60));
        break;
    case "speed":
        int[] size = [512, 8, 8, 8, 1024, 16, 2, 8192];
        var precisions = (args.Length > 1 ? args[1] : "fp32,fp16").Split(',').Select(name => Enum.Parse<WeightPrecision>(name, ignoreCase: true)).ToArray();
        SpeedBench.Run([.. size.Select((number, i) => Number(2 + i, number))], precisions, Number(10, 128), Number(11, 128), Number(12, 5));
        break;
    default:
        Console.Error.WriteLine("What to measure: tracing or speed?");
        return 2;
}
return 0;
