namespace OnnxMoe.Artifacts.Reports;

/// <summary>One named row of numbers in a chart.</summary>
/// <param name="Name">Shown in the legend.</param>
/// <param name="Values">One number for each category (bars) or each x (lines); NaN leaves a gap.</param>
public sealed record ChartSeries(string Name, IReadOnlyList<double> Values)
{
    /// <summary>Where the values lie on the x axis of a <see cref="LineChart"/>; empty means 0, 1, 2, ...</summary>
    public IReadOnlyList<double> At { get; init; } = [];
}
