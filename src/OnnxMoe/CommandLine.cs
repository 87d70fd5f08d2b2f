using OnnxMoe.Artifacts;
using OnnxMoe.Cli.Settings;
using OnnxMoe.Cli.Verbs;

namespace OnnxMoe.Cli;

/// <summary>
/// The <c>onnxmoe</c> command: finds the verb, resolves its settings, runs it, and turns every failure into a sentence and an
/// exit code (0 done, 1 failed, 2 the user's mistake, 130 or 143 stopped by a signal).
/// </summary>
public sealed class CommandLine(TextWriter output, TextWriter error, IReadOnlyList<Verb> verbs, SettingCatalog catalog)
{
    public CommandLine(TextWriter output, TextWriter error) : this(output, error, VerbList.All, SettingCatalog.Default)
    {
    }

    public async Task<int> RunAsync(IReadOnlyList<string> args, StopSignals stop)
    {
        try
        {
            await DispatchAsync(args, stop.Token);
            return 0;
        }
        catch (UserError mistake)
        {
            error.WriteLine($"onnxmoe: {mistake.Message}");
            return 2;
        }
        catch (OperationCanceledException) when (stop.Token.IsCancellationRequested)
        {
            error.WriteLine("onnxmoe: stopped.");
            return stop.ExitCode;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            error.WriteLine($"onnxmoe: {failure.Message}");
            WriteTrace(failure);
            return 1;
        }
        catch (Exception failure)
        {
            error.WriteLine($"onnxmoe: {FirstSentence(failure)}");
            error.WriteLine("This is a bug of ours; set ONNXMOE_DEBUG=1 for the stack trace.");
            WriteTrace(failure);
            return 1;
        }
    }

    async Task DispatchAsync(IReadOnlyList<string> args, CancellationToken stop)
    {
        var name = args.Count > 0 ? args[0] : "help";
        if (name is "--help" or "-h" or "-?")
            name = "help";
        if (name is "--version" or "version")
        {
            output.WriteLine($"onnxmoe {typeof(CommandLine).Assembly.GetName().Version?.ToString(3)}");
            return;
        }
        if (name == "help" && args.Count < 2)
        {
            HelpText.WriteAll(output, verbs, catalog);
            return;
        }
        if (name == "help")
        {
            HelpText.WriteVerb(output, Find(args[1]), catalog);
            return;
        }
        var verb = Find(name);
        var arguments = Arguments.Parse(args.Skip(1), verb, catalog);
        if (arguments.WantsHelp)
        {
            HelpText.WriteVerb(output, verb, catalog);
            return;
        }
        ResolvedSettings Resolve(Arguments given) => SettingResolver.Resolve(given, catalog);
        await verb.RunAsync(new VerbContext(Resolve(arguments), recipe => Resolve(Arguments.Of(recipe, arguments.Settings)), output, stop));
    }

    Verb Find(string name) =>
        verbs.FirstOrDefault(v => v.Name == name)
        ?? throw new UserError($"There is no verb '{name}'; the nearest is '{Nearest.Of(name, verbs.Select(v => v.Name))}' "
            + "('onnxmoe help' lists them all).");

    static string FirstSentence(Exception failure)
    {
        var line = failure.Message.Split('\n', 2)[0].Trim();
        return $"{failure.GetType().Name}: {line}";
    }

    void WriteTrace(Exception failure)
    {
        if (Environment.GetEnvironmentVariable("ONNXMOE_DEBUG") is { Length: > 0 })
            error.WriteLine(failure.ToString());
    }
}
