namespace OnnxMoe.Placement.Costs;

/// <summary>The measures by name, in the order of reports.</summary>
public static class MeasureList
{
    /// <summary>Name in placement.json, words in the report, the number, digits after the point.</summary>
    public static IReadOnlyList<(string Name, string Words, Func<PlanMeasures, double> Of, int Digits)> All { get; } =
    [
        ("maxOverMean", "max / mean load, mean over layers", m => m.MaxOverMean, 3),
        ("worstMaxOverMean", "max / mean load, worst layer", m => m.WorstMaxOverMean, 3),
        ("deviation", "sum of |load - mean| (O1), tokens", m => m.Deviation, 0),
        ("flowBusiest", "flow: busiest pair, summed over layers (O2), tokens", m => m.FlowBusiest, 0),
        ("flowRemote", "flow: steps that leave the GPU", m => m.FlowRemote, 3),
        ("flowBetweenNodes", "flow: steps that leave the node", m => m.FlowBetweenNodes, 3),
        ("homeCopies", "home: other GPUs a token and layer", m => m.HomeCopies, 2),
        ("homeNodeCopies", "home: other nodes a token and layer", m => m.HomeNodeCopies, 3),
        ("homeBusiest", "home: busiest pair, summed over layers, tokens", m => m.HomeBusiest, 0),
        ("flowSeconds", "flow: estimated seconds for these tokens", m => m.FlowSeconds, 6),
        ("homeSeconds", "home: estimated seconds for these tokens", m => m.HomeSeconds, 6),
    ];
}
