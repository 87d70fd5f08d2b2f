using System.Globalization;
using OnnxMoe.Bench.Serving;

// Usage: OnnxMoe.Bench.Serving tracing [seconds]
//        OnnxMoe.Bench.Serving speed [precisions] [D L H HKV F E K V] [prompt] [answer] [runs]       the engine alone
//        OnnxMoe.Bench.Serving pages [D L H HKV F E K V] [prompt] [answer] [runs]                    pages in standard operators
//        OnnxMoe.Bench.Serving llamacpp SCRIPT [precisions] [D L H HKV F E K V] [prompt] [answer] [runs]
switch (args.FirstOrDefault())
{
    case "tracing":
        TracingBench.Run(args.Length > 1 ? double.Parse(args[1], CultureInfo.InvariantCulture) : 60);
        return 0;
    case "speed":
        Speed(args[1..], null);
        return 0;
    case "pages":
        PagesBench.Run(SizeOf(args), Number(args, 9, 128), Number(args, 10, 64), Number(args, 11, 2));
        return 0;
    case "llamacpp" when args.Length > 1:
        Speed(args[2..], args[1]);
        return 0;
    default:
        Console.Error.WriteLine("What to measure: tracing, speed, pages, or llamacpp and the path of its script?");
        return 2;
}

static void Speed(string[] rest, string? llama) =>
    SpeedBench.Run(SizeOf(rest), (rest.Length > 0 ? rest[0] : "fp32,fp16").Split(','), Number(rest, 9, 128), Number(rest, 10, 128), Number(rest, 11, 3), llama);

static ModelSize SizeOf(string[] words) => new(Number(words, 1, 512), Number(words, 2, 8), Number(words, 3, 8), Number(words, 4, 8), Number(words, 5, 1024), Number(words, 6, 16),
    Number(words, 7, 2), Number(words, 8, 8192));

static int Number(string[] words, int place, int otherwise) => words.Length > place ? int.Parse(words[place], CultureInfo.InvariantCulture) : otherwise;
