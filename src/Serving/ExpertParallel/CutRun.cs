using Microsoft.ML.OnnxRuntime;
using OnnxMoe.Artifacts.Placement;
using OnnxMoe.Serving.Sessions;

namespace OnnxMoe.Serving.ExpertParallel;

/// <summary>One run on its way through the segments.</summary>
/// <param name="run">What is to be run.</param>
/// <param name="home">Where.</param>
/// <param name="homes">How many devices can be home.</param>
internal sealed class CutRun(GraphRun run, Home home, int homes) : IDisposable
{
    private readonly Dictionary<string, OrtValue> _made = [];
    private readonly Dictionary<string, bool> _wanted = run.Outputs.ToDictionary(output => output.Name, output => output.Stays);
    private readonly List<(int Layer, int[] Tokens)> _met = []; // by device: tokens that met experts of a layer there
    private int _users = 1;

    /// <summary>Where it is at home.</summary>
    public Home Home => home;

    /// <summary>Why it goes no further; null when it does.</summary>
    public Exception? Problem { get; private set; }

    /// <summary>Whether the caller wants this output, and whether on the device.</summary>
    public bool Wants(string name, out bool stays) => _wanted.TryGetValue(name, out stays);

    /// <summary>A value given or made so far; null for an input that was left out.</summary>
    public OrtValue? Find(string name) => _made.GetValueOrDefault(name) ?? run.Inputs.GetValueOrDefault(name);

    /// <summary>Takes over a value.</summary>
    public void Add(string name, OrtValue value) => _made[name] = value;

    /// <summary>The tokens that go to the experts of a call.</summary>
    public RoutedTokens TokensOf(ExpertCall call) =>
        new(Find(call.Tokens)!, Find(call.Indices)!, Find(call.Weights)!, home.Device,
            token => TokenRoutes.TurnOf(run.TokenRequests?[token] ?? run.Request, homes), token => run.ComputedBefore?[token] != true);

    /// <summary>Takes over what came of the tokens of a call.</summary>
    public void Add(ExpertCall call, RoutedTokens tokens, DispatchedTokens results)
    {
        Add(call.Output, OrtValue.CreateTensorValueFromMemory(results.Values, [tokens.Count, tokens.Width]));
        _met.Add((call.Site.Layer, results.Met));
    }

    /// <summary>The run goes no further.</summary>
    public void Fail(Exception problem) => Problem = problem;

    /// <summary>Gives its values one user more, each of which disposes it.</summary>
    public void Share() => Interlocked.Increment(ref _users);

    /// <summary>Does something for the run; when that fails the run has failed.</summary>
    public void Try(Action action)
    {
        try
        {
            action();
        }
        catch (Exception problem)
        {
            Problem = problem;
        }
    }

    /// <summary>Lets go of values that nothing needs any more.</summary>
    public void Release(IEnumerable<string> names)
    {
        foreach (var name in names)
        {
            if (!Wants(name, out _) && _made.Remove(name, out var value))
                value.Dispose();
        }
    }

    /// <summary>What the caller gets.</summary>
    /// <param name="traffic">Is told where the tokens met experts. Those of a run that failed come again, so they do not count.</param>
    public GraphResult Result(TrafficCounter traffic)
    {
        if (Problem is not null)
            return new(Problem);
        foreach (var (layer, tokens) in _met)
            for (var device = 0; device < tokens.Length; device++)
                traffic.Add(layer, home.Device, device, tokens[device]);
        var values = run.Outputs.Select(output => _made[output.Name]).ToArray();
        _made.Clear();
        return new(values);
    }

    /// <summary>Frees its values when nobody uses them any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref _users) > 0)
            return;
        foreach (var value in _made.Values)
            value.Dispose();
    }
}
