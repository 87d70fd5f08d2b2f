using System.Globalization;
using OnnxMoe.Artifacts;

namespace OnnxMoe.Search.Spaces;

/// <summary>Genes of one meaning, for example the width of each of four blocks.</summary>
/// <param name="Name">What the genes decide.</param>
/// <param name="Count">How many genes: one for each place where the decision is made.</param>
/// <param name="Choices">What each may be, as text; numbers in invariant form.</param>
/// <param name="Depth">
/// The group whose numbers say how many places exist: its genes share the places evenly, and of each one's share the first ones exist; null: all do.
/// </param>
/// <param name="When">What another gene must be for these to matter; null: they always do.</param>
public sealed record GeneGroup(string Name, int Count, IReadOnlyList<string> Choices, string? Depth = null, GeneCondition? When = null)
{
    /// <summary>The number that a choice is.</summary>
    /// <exception cref="UserError">It is none.</exception>
    public double Number(int choice) =>
        double.TryParse(Choices[choice], NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number
        : throw new UserError($"The gene '{Name}' may be '{Choices[choice]}', where a number is needed.");
}
