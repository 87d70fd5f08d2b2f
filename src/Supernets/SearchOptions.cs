using OnnxMoe.Artifacts.Configuration;
using OnnxMoe.Search.Evolution;
using OnnxMoe.Trainer.Darts;
using OnnxMoe.Trainer.Quantization;

namespace OnnxMoe.Supernets;

/// <summary>The recipe's section Search.</summary>
public sealed class SearchOptions
{
    [Setting("How to search: by predictors that are learned on the way (LINAS), by evolution on the measurements (NSGA-II), at random, at random and then where it pays (sensitivity; LLM-QFA), or by measuring all of a small space; or what a softly trained supernet of cells has learned: its largest architecture weights (magnitude; DARTS), or the deletions that hurt most (perturbation; DARTS-PT)",
        Choices = "linas|evolution|random|sensitivity|all|magnitude|perturbation")]
    public string Method { get; set; } = "linas";

    [Setting("Architectures to measure", Min = 1)]
    public int Budget { get; set; } = 250;

    [Setting("What is minimized, 1 to 3 separated by commas: loss (nats) or error (a share) on validation data, parameters, flops (of one input), bytes (of the exported file), latency (ms in ONNX Runtime)")]
    public string Objectives { get; set; } = "loss,latency";

    [Setting("Predictions of one evolution between measurements (linas)", Min = 1)]
    public int Predictions { get; set; } = 5000;

    [Setting("The subnetwork to extract: the front's knee, the best by the first objective within Search:Limit, or the genes of an architecture, such as 2,0,1")]
    public string Choose { get; set; } = "knee";

    [Setting("The most of another objective that Search:Choose=best may cost, such as latency=0.05")]
    public string Limit { get; set; } = "";

    [Setting("Steps in which the chosen architecture is trained anew, from random weights; 0: it keeps the supernet's weights", Unit = "steps", Min = 0)]
    public int Retrain { get; set; }

    [Setting("Runs of a latency measurement; the median counts", Min = 1)]
    public int Repetitions { get; set; } = 50;

    [Setting("Runs before each latency measurement", Min = 0)]
    public int WarmUp { get; set; } = 10;

    [Setting("Shortest time of a latency measurement, and of the runs before it: small models run more often than Repetitions and WarmUp say", Unit = "ms", Min = 0)]
    public double Milliseconds { get; set; } = 50;

    [Setting("Threads of ONNX Runtime; 0: as many as there are cores", Min = 0)]
    public int Threads { get; set; } = 1;

    /// <summary>The section Search:Calibration.</summary>
    public CalibrationOptions Calibration { get; set; } = new();

    /// <summary>The section Search:Selection.</summary>
    public SelectionOptions Selection { get; set; } = new();

    /// <summary>The section Search:Evolution.</summary>
    public EvolutionOptions Evolution { get; set; } = new();
}
