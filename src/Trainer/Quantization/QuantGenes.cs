using OnnxMoe.Artifacts;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Trainer.Quantization;

/// <summary>
/// Genes of a search space that decide the precision of linear layers: a layer "layers.3.up" belongs to the gene number 3 of the group "up_bits", and its range
/// to that of "up_scheme" (symmetric where there is no such group); a layer "head" to the only ones of "head_bits" and "head_scheme".
/// </summary>
public static class QuantGenes
{
    private const string Bits = "_bits", Scheme = "_scheme";

    /// <summary>True when the space decides on precision.</summary>
    public static bool AreIn(SearchSpace space) => space.Groups.Any(group => group.Name.EndsWith(Bits, StringComparison.Ordinal));

    /// <summary>Requires a gene for each linear layer of the largest network, and choices that can be.</summary>
    /// <exception cref="UserError">Names the layers and the genes that do not match, or the choice.</exception>
    public static void Check(SearchSpace space, IReadOnlyList<string> linears)
    {
        foreach (var part in linears.GroupBy(name => PlaceOf(name).Part))
        {
            var genes = space.Groups.FirstOrDefault(group => group.Name == part.Key + Bits);
            if (genes is null || genes.Count != part.Count())
                throw new UserError($"The search space '{space.Name}' has {genes?.Count ?? 0} genes '{part.Key}{Bits}', but its largest network has {part.Count()} such layers: {string.Join(", ", part)}.");
            for (var choice = 0; choice < genes.Choices.Count; choice++)
                if (genes.Number(choice) is var bits && !LinearPrecision.IsKnown((int)bits))
                    throw new UserError($"The search space '{space.Name}' lets '{genes.Name}' be {genes.Choices[choice]}; a layer may have 2 to 8 bits, or 32.");
            if (space.Groups.FirstOrDefault(group => group.Name == part.Key + Scheme) is { } schemes && (schemes.Count != genes.Count || schemes.Choices.Except(["symmetric", "asymmetric"]).Any()))
                throw new UserError($"The search space '{space.Name}' needs {genes.Count} genes '{schemes.Name}' of the choices symmetric and asymmetric.");
        }
    }

    /// <summary>The precision of each of the layers; of those that the architecture does not have nothing is asked.</summary>
    public static QuantPolicy PolicyOf(Architecture architecture, IReadOnlyList<string> linears) => new([.. linears.Select(name =>
    {
        var (part, place) = PlaceOf(name);
        var bits = architecture.Whole(part + Bits, place);
        var symmetric = architecture.Space.Groups.All(group => group.Name != part + Scheme) || architecture.Word(part + Scheme, place) == "symmetric";
        return bits == LinearPrecision.Full.Bits ? LinearPrecision.Full : new LinearPrecision(bits, symmetric);
    })]);

    /// <summary>"layers.3.up": up, 3; "head": head, 0.</summary>
    private static (string Part, int Place) PlaceOf(string name)
    {
        var parts = name.Split('.');
        return (parts[^1], parts.Length == 1 ? 0 : int.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture));
    }
}
