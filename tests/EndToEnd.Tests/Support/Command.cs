using System.Diagnostics;

namespace OnnxMoe.EndToEnd.Tests.Support;

/// <summary>Runs the built <c>onnxmoe</c> as a user does: a process of its own.</summary>
public static class Command
{
    public sealed record Result(int ExitCode, string Output, string Error);

    public static Process Start(params string[] args)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "onnxmoe"), args)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return Process.Start(start)!;
    }

    public static Result Run(params string[] args)
    {
        using var process = Start(args);
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromMinutes(5)))
            process.Kill();
        process.WaitForExit();
        return new Result(process.ExitCode, output.Result, error.Result);
    }

    /// <summary>Runs it and fails the test with what it printed unless it ends well.</summary>
    public static string RunWell(params string[] args)
    {
        var result = Run(args);
        Assert.True(result.ExitCode == 0, $"onnxmoe {string.Join(' ', args)} ended with {result.ExitCode}:\n{result.Output}{result.Error}");
        return result.Output;
    }

    /// <summary>Runs it and checks that it refuses: exit code 2 and one sentence with these parts in it.</summary>
    public static void RunRefused(string[] args, params string[] parts)
    {
        var result = Run(args);
        Assert.True(result.ExitCode == 2, $"onnxmoe {string.Join(' ', args)} ended with {result.ExitCode}:\n{result.Output}{result.Error}");
        Assert.Single(result.Error.TrimEnd('\n').Split('\n'));
        Assert.All(parts, part => Assert.Contains(part, result.Error, StringComparison.Ordinal));
    }
}
