using OnnxMoe.Cli.Settings;

namespace OnnxMoe.Cli.Tests.Support;

/// <summary>Runs the command line in this process, with a models folder and environment of its own.</summary>
public sealed class Shell : IDisposable
{
    readonly StringWriter _output = new();
    readonly StringWriter _error = new();
    readonly List<string> _variables = [];

    public Shell() => Directory.CreateDirectory(Path.Combine(Models, "recipes"));

    public string Models { get; } = Directory.CreateTempSubdirectory("onnxmoe-cli-").FullName;

    public string Output => _output.ToString();

    public string Error => _error.ToString();

    public StopSignals Stop { get; } = new();

    /// <summary>Writes models/recipes/NAME.json and returns its path.</summary>
    public string Recipe(string name, string json)
    {
        var path = Path.Combine(Models, "recipes", name + ".json");
        File.WriteAllText(path, json);
        return path;
    }

    public Shell Set(string variable, string value)
    {
        _variables.Add(variable);
        Environment.SetEnvironmentVariable(variable, value);
        return this;
    }

    /// <summary>Runs the command with the sample verb and its section Trainer.</summary>
    public int Run(SampleVerb verb, params string[] args)
    {
        var catalog = new SettingCatalog(new SettingSection("", typeof(Recipe)), new SettingSection("Trainer", typeof(SampleOptions)));
        return new CommandLine(_output, _error, [verb], catalog).RunAsync([.. args, "--models", Models], Stop).Result;
    }

    /// <summary>Runs the command as the program does.</summary>
    public int RunReal(params string[] args) => new CommandLine(_output, _error).RunAsync(args, Stop).Result;

    public void Dispose()
    {
        foreach (var variable in _variables)
            Environment.SetEnvironmentVariable(variable, null);
        Stop.Dispose();
        Directory.Delete(Models, recursive: true);
    }
}
