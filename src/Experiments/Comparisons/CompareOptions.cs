using OnnxMoe.Artifacts.Configuration;

namespace OnnxMoe.Experiments.Comparisons;

/// <summary>The recipe's section Compare.</summary>
public sealed class CompareOptions
{
    [Setting("The recipes to compare, by name or path; times are relative to the first")]
    public string[] Recipes { get; set; } = [];

    [Setting("Budget: steps of each training; without any budget, the fewest Trainer:Steps of the recipes", Unit = "steps", Min = 0)]
    public int Steps { get; set; }

    [Setting("Budget: training text of each model, instead of Steps", Unit = "tokens", Min = 0)]
    public long Tokens { get; set; }

    [Setting("Budget: floating-point operations of each training (three times the forward pass's), instead of Steps", Min = 0)]
    public double Flops { get; set; }

    [Setting("Folder of the trained models and of compare.html")]
    public string Output { get; set; } = "models/compare";

    [Setting("Prompt of the latency measurement; shortened to what every model's context can hold", Unit = "tokens", Min = 1)]
    public int Prompt { get; set; } = 64;

    [Setting("Measured runs of each model, in turns; medians are shown", Min = 1)]
    public int Repetitions { get; set; } = 50;

    [Setting("Runs of each model before measuring", Min = 0)]
    public int WarmUp { get; set; } = 5;

    [Setting("Threads of ONNX Runtime; 0: as many as there are cores", Min = 0)]
    public int Threads { get; set; } = 1;
}
