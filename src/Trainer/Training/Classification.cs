using System.Text.Json;
using System.Text.Json.Nodes;

namespace OnnxMoe.Trainer.Training;

/// <summary>What a classifier reached on data.</summary>
/// <param name="Loss">Mean cross-entropy, nats.</param>
/// <param name="Accuracy">Share of the sequences whose class is found, 0 to 1.</param>
/// <param name="ExpertLoad">Per routed layer, in order: how many picks each expert got.</param>
/// <param name="Positions">All positions of all sequences.</param>
public sealed record Classification(double Loss, double Accuracy, long[][] ExpertLoad, long Positions)
{
    /// <summary>Mean number of experts that a position activated, per routed layer.</summary>
    public double[] ActiveExperts => [.. ExpertLoad.Select(load => load.Sum() / (double)Positions)];

    /// <summary>As a line of metrics.jsonl.</summary>
    internal JsonObject ToMetrics() => new()
    {
        ["validation_loss"] = Loss,
        ["validation_accuracy"] = Accuracy,
        ["expert_load"] = JsonSerializer.SerializeToNode(ExpertLoad),
    };
}
