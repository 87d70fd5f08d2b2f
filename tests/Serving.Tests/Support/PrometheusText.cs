using System.Globalization;
using System.Text.RegularExpressions;

namespace OnnxMoe.Serving.Tests.Support;

/// <summary>A strict reader of Prometheus' text format 0.0.4: anything that a scraper might stumble over throws.</summary>
internal static partial class PrometheusText
{
    /// <summary>One line with a value.</summary>
    public sealed record Sample(string Family, string Type, string Name, IReadOnlyDictionary<string, string> Labels, double Value);

    /// <summary>All samples of a text.</summary>
    public static IReadOnlyList<Sample> Parse(string text)
    {
        Require(text.EndsWith('\n'), "The last line has no end.");
        var (samples, families, series) = (new List<Sample>(), new HashSet<string>(), new HashSet<string>());
        (string Name, string Type) family = ("", "");
        string? help = null;
        foreach (var line in text.Split('\n')[..^1])
        {
            if (Help().Match(line) is { Success: true } helps)
            {
                help = helps.Groups["name"].Value;
                Require(families.Add(help), $"{help} comes twice, or its lines are not together.");
            }
            else if (Type().Match(line) is { Success: true } types)
            {
                family = (types.Groups["name"].Value, types.Groups["type"].Value);
                Require(family.Name == help, $"{family.Name} has no help before its type.");
            }
            else
            {
                var match = Value().Match(line);
                Require(match.Success, $"This is no line of the format: {line}");
                var labels = Label().Matches(match.Groups["labels"].Value).ToDictionary(label => label.Groups["name"].Value, label => label.Groups["value"].Value);
                var sample = new Sample(family.Name, family.Type, match.Groups["name"].Value, labels, Number(match.Groups["value"].Value));
                Require(Belongs(sample), $"{sample.Name} does not belong to the {family.Type} {family.Name} above it.");
                Require(series.Add($"{sample.Name}{{{string.Join(',', labels.OrderBy(label => label.Key))}}}"), $"This series comes twice: {line}");
                samples.Add(sample);
            }
        }
        foreach (var histogram in samples.Where(sample => sample.Type == "histogram").GroupBy(sample => (sample.Family, Key(sample))))
            CheckHistogram([.. histogram]);
        return samples;
    }

    private static void CheckHistogram(IReadOnlyList<Sample> samples)
    {
        var name = samples[0].Family;
        var buckets = samples.Where(sample => sample.Name == name + "_bucket").ToArray();
        var bounds = buckets.Select(bucket => Number(bucket.Labels["le"])).ToArray();
        Require(bounds.SequenceEqual(bounds.Order().Distinct()), $"The buckets of {name} are not in order.");
        Require(double.IsPositiveInfinity(bounds[^1]), $"{name} has no last bucket.");
        Require(buckets.Zip(buckets.Skip(1)).All(pair => pair.First.Value <= pair.Second.Value), $"The buckets of {name} do not grow.");
        Require(samples.Single(sample => sample.Name == name + "_count").Value == buckets[^1].Value, $"The count of {name} is not its last bucket.");
        Require(samples.Count(sample => sample.Name == name + "_sum") == 1, $"{name} has no sum.");
    }

    private static string Key(Sample sample) => string.Join(',', sample.Labels.Where(label => label.Key != "le").OrderBy(label => label.Key));

    private static bool Belongs(Sample sample) => sample.Type switch
    {
        "histogram" => sample.Name == sample.Family + "_bucket" ? sample.Labels.ContainsKey("le") : sample.Name == sample.Family + "_sum" || sample.Name == sample.Family + "_count",
        _ => sample.Name == sample.Family && (sample.Type != "counter" || sample.Value >= 0),
    };

    private static double Number(string text) => text switch
    {
        "+Inf" => double.PositiveInfinity,
        "-Inf" => double.NegativeInfinity,
        "NaN" => double.NaN,
        _ => double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture),
    };

    private static void Require(bool condition, string problem)
    {
        if (!condition)
            throw new FormatException(problem);
    }

    [GeneratedRegex("""^# HELP (?<name>[a-zA-Z_:][a-zA-Z0-9_:]*) ([^\\]|\\\\|\\n)+$""")]
    private static partial Regex Help();

    [GeneratedRegex("^# TYPE (?<name>[a-zA-Z_:][a-zA-Z0-9_:]*) (?<type>counter|gauge|histogram|summary|untyped)$")]
    private static partial Regex Type();

    [GeneratedRegex("""^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?<labels>[a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\["\\n])*"(,[a-zA-Z_][a-zA-Z0-9_]*="([^"\\]|\\["\\n])*")*)\})? (?<value>[-+0-9.eE]+|\+Inf|-Inf|NaN)$""")]
    private static partial Regex Value();

    [GeneratedRegex("""(?<name>[a-zA-Z_][a-zA-Z0-9_]*)="(?<value>([^"\\]|\\["\\n])*)"(,|$)""")]
    private static partial Regex Label();
}
