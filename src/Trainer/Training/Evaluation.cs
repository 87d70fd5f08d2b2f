using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Trainer.Data;

namespace OnnxMoe.Trainer.Training;

/// <summary>What an evaluation measured.</summary>
/// <param name="DomainLosses">Mean cross-entropy of each domain's text, nats a token, in the order of the domains.</param>
/// <param name="ExpertLoad">Per routed layer, and per iteration where it has several, in order: how many picks each expert got.</param>
public sealed record Evaluation(IReadOnlyList<double> DomainLosses, long[][] ExpertLoad)
{
    /// <summary>The mean of the domains' losses: each domain counts the same, whatever its share in training.</summary>
    public double Loss => DomainLosses.Average();

    /// <summary>Tokens that were predicted.</summary>
    public long Tokens { get; init; }

    /// <summary>Mean number of experts that a token activated, per routed layer and iteration.</summary>
    public double[] ActiveExperts => [.. ExpertLoad.Select(load => load.Sum() / (double)Tokens)];

    /// <summary>As a line of metrics.jsonl.</summary>
    internal JsonObject ToMetrics(IReadOnlyList<TextDomain> domains)
    {
        var entry = new JsonObject { ["validation_loss"] = Loss };
        if (domains.Count > 1)
            entry["validation_loss_by_domain"] = new JsonObject(domains.Zip(DomainLosses, (domain, loss) => KeyValuePair.Create(domain.Name, (JsonNode?)loss)));
        entry["expert_load"] = JsonSerializer.SerializeToNode(ExpertLoad);
        return entry;
    }
}
