using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using OnnxMoe.Artifacts;
using OnnxMoe.Search.Fronts;
using OnnxMoe.Search.Spaces;

namespace OnnxMoe.Search.Methods;

/// <summary>
/// Measures architectures, each once, up to a budget, and writes down what it found, a line of JSON each. A search that was stopped and is started
/// again with the same seed asks for the same architectures, gets those in the file from there, and so goes on where it was.
/// </summary>
public sealed class MeasurementLog : IDisposable
{
    private readonly Func<Architecture, double[]> _measure;
    private readonly Dictionary<Architecture, double[]> _known = [];
    private readonly Dictionary<Architecture, double[]> _stored = [];
    private readonly List<Measured> _all = [];
    private readonly StreamWriter? _file;

    /// <param name="space">Whose architectures are measured.</param>
    /// <param name="budget">Most measurements; what is known already is free.</param>
    /// <param name="measure">Objectives of one, all minimized.</param>
    /// <param name="path">The file; null: none.</param>
    /// <exception cref="UserError">The file is of another space.</exception>
    public MeasurementLog(SearchSpace space, int budget, Func<Architecture, double[]> measure, string? path = null)
    {
        (Budget, _measure) = (budget, measure);
        if (path is null)
            return;
        if (File.Exists(path))
            Load(space, path);
        _file = new StreamWriter(path, append: true) { AutoFlush = true };
    }

    public int Budget { get; }

    /// <summary>All measured architectures, in the order in which they were asked for.</summary>
    public IReadOnlyList<Measured> All => _all;

    public bool IsSpent => _all.Count >= Budget;

    /// <summary>False for architectures of which there is no model: they are not measured. Null: there is one of every architecture.</summary>
    public Func<Architecture, bool>? IsValid { get; init; }

    /// <summary>Called after each measurement.</summary>
    public Action<Measured>? Observe { get; init; }

    /// <summary>Those among the architectures that the budget allows; a later one is left out.</summary>
    public IReadOnlyList<Measured> Measure(IEnumerable<Architecture> architectures)
    {
        var result = new List<Measured>();
        foreach (var architecture in architectures)
            if (Measure(architecture) is { } measured)
                result.Add(measured);
        return result;
    }

    /// <summary>Measures an architecture drawn at random that was not measured before.</summary>
    /// <returns>False when many draws find none, or the budget is spent.</returns>
    public bool MeasureRandom(SearchSpace space, Random random)
    {
        const int draws = 100_000;
        var before = _all.Count;
        for (var draw = 0; draw < draws && _all.Count == before && !IsSpent; draw++)
            Measure(space.Random(random));
        return _all.Count > before;
    }

    /// <summary>What is found of an architecture; null when it is new and the budget is spent, or it is not valid.</summary>
    public Measured? Measure(Architecture architecture)
    {
        if (_known.TryGetValue(architecture, out var objectives))
            return new(architecture, objectives);
        if (IsSpent || IsValid?.Invoke(architecture) == false)
            return null;
        if (!_stored.TryGetValue(architecture, out objectives))
        {
            objectives = _measure(architecture);
            if (!objectives.All(double.IsFinite))
                throw new UserError($"The architecture {architecture.Key} measures {string.Join(", ", objectives.Select(value => value.ToString(CultureInfo.InvariantCulture)))}; a search needs finite numbers.");
            _file?.WriteLine(new JsonObject { ["genes"] = architecture.Key, ["objectives"] = new JsonArray([.. objectives.Select(value => JsonValue.Create(value))]) }.ToJsonString());
        }
        _known[architecture] = objectives;
        var measured = new Measured(architecture, objectives);
        _all.Add(measured);
        Observe?.Invoke(measured);
        return measured;
    }

    public void Dispose() => _file?.Dispose();

    /// <summary>Reads what an earlier run wrote; a last line that a kill cut short is dropped.</summary>
    private void Load(SearchSpace space, string path)
    {
        var lines = File.ReadAllLines(path);
        var whole = new List<string>();
        for (var i = 0; i < lines.Length; i++)
        {
            try
            {
                var line = JsonNode.Parse(lines[i])!;
                _stored[Architecture.Parse(space, (string)line["genes"]!)] = [.. line["objectives"]!.AsArray().Select(value => (double)value!)];
                whole.Add(lines[i]);
            }
            catch (JsonException) when (i == lines.Length - 1)
            {
            }
            catch (Exception error) when (error is JsonException or UserError or InvalidOperationException or NullReferenceException or FormatException)
            {
                throw new UserError($"{path}: line {i + 1} is no measurement of the search space '{space.Name}'; move the file away to start again.");
            }
        }
        if (whole.Count < lines.Length)
            AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(string.Concat(whole.Select(line => line + "\n")))));
    }
}
