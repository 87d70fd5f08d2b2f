using System.Globalization;
using OnnxMoe.Bench.Serving;

// Usage: OnnxMoe.Bench.Serving tracing [seconds]
//        OnnxMoe.Bench.Serving speed [precisions] [D L H HKV F E K V] [prompt] [answer] [runs]       the engine alone
//        OnnxMoe.Bench.Serving llamacpp SCRIPT [precisions] [D L H HKV F E K V] [prompt] [answer] [runs]
switch (args.FirstOrDefault())
{
    case "tracing":
        TracingBench.Run(args.Length > 1 ? double.Parse(args[1], CultureInfo.InvariantCulture) : 60);
        return 0;
    case "speed":
        Speed(args[1..], null);
        return 0;
    case "llamacpp" when args.Length > 1:
        Speed(args[2..], args[1]);
        return 0;
    default:
        Console.Error.WriteLine("What to measure: tracing, speed, or llamacpp and the path of its script?");
        return 2;
}

static void Speed(string[] rest, string? llama)
{
    int Number(int place, int otherwise) => rest.Length > place ? int.Parse(rest[place], CultureInfo.InvariantCulture) : otherwise;
    var size = new ModelSize(Number(1, 512), Number(2, 8), Number(3, 8), Number(4, 8), Number(5, 1024), Number(6, 16), Number(7, 2), Number(8, 8192));
    SpeedBench.Run(size, (rest.Length > 0 ? rest[0] : "fp32,fp16").Split(','), Number(9, 128), Number(10, 128), Number(11, 3), llama);
}
