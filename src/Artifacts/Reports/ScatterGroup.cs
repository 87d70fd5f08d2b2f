namespace OnnxMoe.Artifacts.Reports;

/// <summary>Points of one kind in a <see cref="ScatterChart"/>.</summary>
/// <param name="Name">Shown in the legend.</param>
/// <param name="Points">Each with what its tooltip says.</param>
public sealed record ScatterGroup(string Name, IReadOnlyList<(double X, double Y, string Label)> Points)
{
    /// <summary>Diameter of a point in pixels.</summary>
    public int Size { get; init; } = 6;

    /// <summary>A line joins the points in their order.</summary>
    public bool Joined { get; init; }
}
