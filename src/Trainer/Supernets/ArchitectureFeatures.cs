using OnnxMoe.Artifacts;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Trainer.Supernets;

/// <summary>An architecture as numbers, for routers that depend on it. What does not exist in it has no influence.</summary>
public sealed class ArchitectureFeatures
{
    private readonly SearchSpace _space;
    private readonly MixtureOptions _options;
    private readonly double[] _scales;

    /// <exception cref="UserError">Scales or offsets are not as many as there are features, or a scale is 0.</exception>
    public ArchitectureFeatures(SearchSpace space, MixtureOptions options)
    {
        (_space, _options) = (space, options);
        double[] largest = [.. space.Groups.SelectMany(group => Enumerable.Repeat(Enumerable.Range(0, group.Choices.Count).Max(choice => NumberOf(group, choice)), options.Features == "fine" ? group.Count : 1))];
        Count = largest.Length;
        Require(options.Scales, "Scales");
        Require(options.Offsets, "Offsets");
        _scales = options.Scales.Length > 0 ? options.Scales : largest;
        if (_scales.Any(scale => !(scale > 0)))
            throw new UserError($"Supernet:Mixture:Scales is {string.Join(',', options.Scales)}; features are divided by them, so each must be above 0.");
    }

    /// <summary>How many there are.</summary>
    public int Count { get; }

    /// <summary>Those of an architecture; 0 (fine) or left out of the mean (aggregate) where a gene does not matter.</summary>
    public float[] Of(Architecture architecture)
    {
        if (!ReferenceEquals(architecture.Space, _space))
            throw new ArgumentException($"The architecture is of the space '{architecture.Space.Name}', not of '{_space.Name}'.");
        if (_options.Blind)
            return [.. Enumerable.Repeat(0.5f, Count)];
        var raw = _space.Groups.SelectMany(group => Of(architecture, group)).ToArray();
        return [.. raw.Select((value, i) => value is { } known ? (float)((known - (_options.Offsets.Length > 0 ? _options.Offsets[i] : 0)) / _scales[i]) : 0)];
    }

    /// <summary>Of one group of genes; null for what does not exist.</summary>
    private IEnumerable<double?> Of(Architecture architecture, GeneGroup group)
    {
        var first = _space.Find(group.Name).First;
        var values = new double?[group.Count];
        for (var i = 0; i < group.Count; i++)
            values[i] = architecture.Has(group.Name, i) ? NumberOf(group, architecture.Genes[first + i]) : null;
        return _options.Features == "fine" ? values : [values.Any(value => value is not null) ? values.Average() : null];
    }

    /// <summary>A word counts as its position.</summary>
    private static double NumberOf(GeneGroup group, int choice) => double.TryParse(group.Choices[choice], System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : choice + 1;

    private void Require(double[] numbers, string setting)
    {
        if (numbers.Length > 0 && numbers.Length != Count)
            throw new UserError($"Supernet:Mixture:{setting} has {numbers.Length} numbers, but an architecture of '{_space.Name}' has {Count} features ({_options.Features}); give one for each, or none.");
    }
}
